import { useEffect, useRef, useState } from 'preact/hooks';
import type { ViewProps } from '../feed/view.ts';
import { Button } from '../ui/button.tsx';
import { Confirm } from '../ui/confirm.tsx';
import { number } from '../ui/format.ts';
import { Moment } from '../ui/moment.tsx';
import { Notice } from '../ui/notice.tsx';
import { Section } from '../ui/section.tsx';
import { useAction } from './action.ts';
import { boundTo, foundKeys, type ListedKey, nameOf } from './keyForm.ts';
import { MakeKey } from './makeKey.tsx';
import { troubleOf } from './trouble.ts';

const shownAtOnce = 50;

/** API keys: made, listed and revoked. */
export function Keys({ api, nowMs, refresh, announce }: ViewProps) {
  const [keys, setKeys] = useState<readonly ListedKey[]>();
  const [trouble, setTrouble] = useState<string>();
  const [search, setSearch] = useState('');
  const [most, setMost] = useState(shownAtOnce);
  const [asked, setAsked] = useState<ListedKey>();
  const isThere = useRef(true);

  const load = async (): Promise<void> => {
    const found = await api
      .get<{ keys: ListedKey[] }>('/v1/keys')
      .then(({ keys: all }) => ({ all, message: undefined }))
      .catch((error: unknown) => ({ all: undefined, message: troubleOf(error, false) }));
    if (!isThere.current) return;
    setTrouble(found.message);
    if (found.all !== undefined) setKeys(found.all);
  };
  useEffect(() => {
    isThere.current = true;
    void load();
    return () => {
      isThere.current = false;
    };
  }, [api]);

  const revoking = useAction(async (key: ListedKey) => {
    try {
      await api.send('DELETE', `/v1/keys/${encodeURIComponent(key.id)}`);
      announce(`${nameOf(key)} is revoked.`);
    } finally {
      setAsked(undefined);
      await load();
      // Where it was this session's own, the next answer says so.
      if (key.current) refresh();
    }
    return key;
  });
  const found = foundKeys(keys ?? [], search);
  return (
    <>
      <MakeKey api={api} announce={announce} onMade={load} />
      <Section
        title="Keys"
        note="A key itself is never shown again. The first keys are in the secret API_KEYS: they go by a new version of it and a deploy."
        actions={<Button onClick={() => void load()}>Load again</Button>}
      >
        {trouble !== undefined && <Notice tone="bad">{trouble}</Notice>}
        <div role="alert">
          {revoking.state.step === 'failed' && <Notice tone="bad">{revoking.state.message}</Notice>}
        </div>
        {revoking.state.step === 'done' && (
          <Notice tone="good">
            {nameOf(revoking.state.answer)} is revoked. It stops working everywhere within 60 s.
          </Notice>
        )}
        {keys === undefined && trouble === undefined && <p class="note">Loading …</p>}
        {keys !== undefined && keys.length > 10 && (
          <div class="field">
            <label for="key-search">Search {number(keys.length)} keys</label>
            <input
              id="key-search"
              type="search"
              value={search}
              onInput={(event) => {
                setSearch(event.currentTarget.value);
                setMost(shownAtOnce);
              }}
            />
          </div>
        )}
        {keys !== undefined && found.length === 0 && (
          <p class="note">No key has this in its id, role, label or uids.</p>
        )}
        <ul class="rows">
          {found.slice(0, most).map((key) => (
            <KeyRow key={key.id} of={key} nowMs={nowMs} onRevoke={() => setAsked(key)} />
          ))}
        </ul>
        {found.length > most && (
          <Button onClick={() => setMost(most + shownAtOnce)}>
            Show more: {number(found.length - most)} are left
          </Button>
        )}
        {asked !== undefined && (
          <Confirm
            title={`Revoke ${nameOf(asked)}?`}
            action="Revoke"
            danger
            busy={revoking.state.step === 'busy'}
            onConfirm={() => void revoking.start(asked)}
            onCancel={() => revoking.state.step === 'busy' || setAsked(undefined)}
          >
            <p>
              Whoever uses this key of role {asked.role} is refused within 60 s. It cannot be brought back.
            </p>
            {asked.current && (
              <Notice tone="warn">You are signed in with this key: revoking it ends your session.</Notice>
            )}
          </Confirm>
        )}
      </Section>
    </>
  );
}

function KeyRow({ of, nowMs, onRevoke }: { of: ListedKey; nowMs: number; onRevoke(): void }) {
  const { id, role, created_at: created } = of;
  const bound = boundTo(of);
  return (
    <li class="row">
      <div class="row-main">
        <p class="row-title">
          <span class={role === 'admin' ? 'tag strong' : 'tag'}>{role}</span>{' '}
          <span class="row-about">{nameOf(of)}</span>
          {of.current && <span class="tag good">your session</span>}
        </p>
        <p class="note">
          {[
            bound,
            created !== undefined && (
              <>
                made <Moment ms={Date.parse(created)} nowMs={nowMs} />
              </>
            ),
            nameOf(of) !== id && <code>{id}</code>,
          ]
            .filter(Boolean)
            .map((part, index) => (
              <span class="part" key={index}>
                {part}
              </span>
            ))}
        </p>
      </div>
      <div class="actions">
        {of.revocable === false ? (
          <span class="note">from the secret</span>
        ) : (
          <Button kind="danger" onClick={onRevoke}>
            Revoke <span class="hidden">{nameOf(of)}</span>
          </Button>
        )}
      </div>
    </li>
  );
}
