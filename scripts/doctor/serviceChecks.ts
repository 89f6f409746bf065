import { runCanary } from '../deploy/canary.ts';
import { type Finding, well, wrong } from './finding.ts';

interface Service {
  /** Address of the installation, without a slash at the end. */
  base: string;
  /** A key of role admin; undefined: only what needs none is looked at. */
  key: string | undefined;
  newId: () => string;
  canaryLimitMs?: number;
}

/** Events wait at most a minute, and a task's fields as long, while all is well. */
const oldestEventSeconds = 600;

/** Asks the installation itself, and sends a response through it where it is not known to wait. */
export async function serviceChecks(service: Service): Promise<Finding[]> {
  const { base, key } = service;
  const health = await fetched(`${base}/healthz`, undefined);
  if (health.problem !== undefined) {
    return [
      wrong(
        'answers',
        health.problem,
        'npx firebase functions:log, and npm run deploy where it was never done',
      ),
    ];
  }
  if (key === undefined) return [well('answers', base)];
  const answers = well('answers', base);
  const { json, problem = '' } = await fetched<Status>(`${base}/v1/status?detail=true`, key);
  if (json === undefined)
    return [answers, wrong('status', problem, 'give a key of role admin: --key, or SLUICE_ADMIN_KEY')];
  const isParked = json.backlog.parked_reason !== null;
  return [answers, ...status(base, json), ...(isParked ? [] : [await canary(service, key)])];
}

interface Status {
  backlog: {
    oldest_event_age_seconds: number | null;
    parked_reason: string | null;
    parked_until: string | null;
  };
  dead_letters: { count: number | null };
}

const pages = 'docs/incidents.md, “Nothing is written, and the queue grows”';

function status(base: string, { backlog, dead_letters: letters }: Status): Finding[] {
  const curl = (rest: string): string => `curl -H "X-API-Key: $SLUICE_ADMIN_KEY" ${rest}`;
  const count = letters.count ?? 0;
  const mend = curl(`${base}/v1/dead-letters, then replay or drop each`);
  return [
    waiting(backlog, curl(`-X POST ${base}/v1/queue/resume`)),
    count > 0 ? wrong('dead letters', `${count}`, mend) : well('dead letters', '0'),
  ];
}

function waiting(backlog: Status['backlog'], resume: string): Finding {
  const { oldest_event_age_seconds: age, parked_reason: reason, parked_until: until } = backlog;
  const since = `the oldest event is ${Math.round(age ?? 0)} s old`;
  if (reason === null) {
    if ((age ?? 0) <= oldestEventSeconds) return well('backlog', since);
    return wrong('backlog', since, `npx firebase functions:log --only sluice-flush; ${pages}`);
  }
  const isPaused = reason === 'paused';
  const raise = `a larger ${reason.toUpperCase()} in functions/.env.YOUR_PROJECT, then npm run deploy; or wait`;
  return wrong('backlog', `${since}; ${reason} until ${until}`, isPaused ? resume : raise);
}

async function canary(service: Service, key: string): Promise<Finding> {
  const { base, newId, canaryLimitMs: limitMs = 60_000 } = service;
  try {
    const ms = await runCanary({ base, key, limitMs, newId });
    return well('canary', `written and read back in ${(ms / 1000).toFixed(1)} s`);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return wrong('canary', detail, `npx firebase functions:log; ${pages}`);
  }
}

async function fetched<Result>(
  url: string,
  key: string | undefined,
): Promise<{ json?: Result; problem?: string }> {
  try {
    const answer = await fetch(url, { headers: key === undefined ? {} : { 'X-API-Key': key } });
    if (answer.ok) return { json: (await answer.json()) as Result };
    return { problem: `GET ${url} was answered ${answer.status}: ${(await answer.text()).slice(0, 200)}` };
  } catch (error) {
    return { problem: `GET ${url}: ${error instanceof Error ? error.message : error}` };
  }
}
