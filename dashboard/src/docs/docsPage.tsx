import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { session } from '../feed/session.ts';
import { Button } from '../ui/button.tsx';
import { counted } from '../ui/format.ts';
import { Mark } from '../ui/mark.tsx';
import { Notice } from '../ui/notice.tsx';
import { ThemeSwitch } from '../ui/themeSwitch.tsx';
import { type Contract, filtered, groupsOf, readContract } from './contract.ts';
import { RouteCard } from './routeCard.tsx';

/** A cold start of the function that describes the routes takes seconds. */
const readTimeoutMs = 30_000;

type Reading = { contract: Contract } | { trouble: string } | 'begun';

/** The page of the API: all routes of openapi.json, in groups, with a search. */
export function DocsPage({ stored }: { stored: ReturnType<typeof session> }) {
  const [reading, setReading] = useState<Reading>('begun');
  const [tries, setTries] = useState(0);
  useEffect(() => {
    setReading('begun');
    read().then(
      (contract) => setReading({ contract }),
      (error: unknown) => setReading({ trouble: error instanceof Error ? error.message : String(error) }),
    );
  }, [tries]);
  return (
    <>
      <a class="skip" href="#routes">
        Skip to the routes
      </a>
      <header class="bar">
        <a class="brand" href="/">
          <Mark />
          Sluice
        </a>
        <nav aria-label="Pages">
          <ul>
            <li>
              <a href="/">Overview</a>
            </li>
            <li>
              <a href="/docs/" aria-current="page">
                API
              </a>
            </li>
          </ul>
        </nav>
        <div class="tools">
          <ThemeSwitch stored={stored} />
        </div>
      </header>
      <main>
        <h1>API</h1>
        {reading === 'begun' && <p role="status">Reading openapi.json …</p>}
        {reading !== 'begun' && 'trouble' in reading && (
          <div role="alert" class="trouble">
            <Notice tone="bad">The routes cannot be shown: {reading.trouble}</Notice>
            <Button kind="main" onClick={() => setTries(tries + 1)}>
              Try again
            </Button>
          </div>
        )}
        {reading !== 'begun' && 'contract' in reading && <Routes contract={reading.contract} />}
      </main>
    </>
  );
}

async function read(): Promise<Contract> {
  let answer: Response;
  try {
    answer = await fetch('/openapi.json', {
      credentials: 'omit',
      signal: AbortSignal.timeout(readTimeoutMs),
    });
  } catch {
    throw new Error('/openapi.json was not answered. Is the network there, and Sluice deployed?');
  }
  if (!answer.ok) throw new Error(`/openapi.json was answered ${answer.status}.`);
  const text = await answer.text();
  try {
    return readContract(JSON.parse(text));
  } catch (error) {
    throw error instanceof SyntaxError ? new Error('/openapi.json is no JSON.') : error;
  }
}

function Routes({ contract }: { contract: Contract }) {
  const all = useMemo(() => groupsOf(contract), [contract]);
  const [search, setSearch] = useState('');
  const target = useTarget();
  const shown = filtered(all, search);
  const count = shown.reduce((sum, { routes }) => sum + routes.length, 0);
  return (
    <>
      <p class="note lead">
        Version {contract.info.version}. A key goes into <code>X-API-Key</code>, or{' '}
        <code>Authorization: Bearer</code>; <a href="/openapi.json">openapi.json</a> is what this page shows.
      </p>
      <search class="field">
        <label for="search">Search</label>
        <input
          id="search"
          type="search"
          placeholder="Path, word, role or parameter"
          autocomplete="off"
          value={search}
          onInput={({ currentTarget }) => setSearch(currentTarget.value)}
        />
        <p class="note" role="status">
          {counted(count, 'route')}
        </p>
      </search>
      <div class="routes" id="routes">
        {shown.map(({ title, routes }) => (
          <section key={title} aria-label={title}>
            <h2>{title}</h2>
            {routes.map((route) => (
              <RouteCard key={route.id} route={route} contract={contract} isTarget={route.id === target} />
            ))}
          </section>
        ))}
        {shown.length === 0 && <Notice tone="info">No route has all of these words.</Notice>}
      </div>
    </>
  );
}

/** The route that the address names after its #, brought into view as soon as it is there. */
function useTarget(): string {
  const [target, setTarget] = useState(() => location.hash.slice(1));
  const isFirst = useRef(true);
  useEffect(() => {
    const change = (): void => setTarget(location.hash.slice(1));
    addEventListener('hashchange', change);
    if (isFirst.current) document.getElementById(target)?.scrollIntoView();
    isFirst.current = false;
    return () => removeEventListener('hashchange', change);
  }, [target]);
  return target;
}
