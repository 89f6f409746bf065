import { runCanary } from '../canary.ts';
import { type Finding, well, wrong } from './finding.ts';

interface Service {
  /** Address of the installation, without a slash at the end. */
  base: string;
  /** A key of role admin; undefined: only what needs none is looked at. */
  key: string | undefined;
  newId: () => string;
}

/** Events wait at most a minute, and a task's fields as long, while all is well. */
const oldestEventSeconds = 600;
const canaryLimitMs = 60_000;

/** Asks the installation itself, and sends a response through it. */
export async function serviceChecks({ base, key, newId }: Service): Promise<Finding[]> {
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
  if (json === undefined) return [answers, wrong('status', problem, 'a key of role admin: --key')];
  return [answers, ...status(base, json), await canary(base, key, newId)];
}

interface Status {
  backlog: {
    oldest_event_age_seconds: number | null;
    parked_reason: string | null;
    parked_until: string | null;
  };
  dead_letters: { count: number | null };
}

function status(base: string, json: Status): Finding[] {
  const { backlog, dead_letters: letters } = json;
  const { oldest_event_age_seconds: age, parked_reason: reason } = backlog;
  const since = `the oldest event is ${Math.round(age ?? 0)} s old`;
  const curl = `curl -H 'X-API-Key: ADMIN_KEY' ${base}`;
  return [
    reason !== null
      ? wrong(
          'backlog',
          `${since}; parked until ${backlog.parked_until}: ${reason}`,
          'docs/incidents.md, “Nothing is written, and the queue grows”',
        )
      : (age ?? 0) > oldestEventSeconds
        ? wrong(
            'backlog',
            since,
            'npx firebase functions:log --only sluice-flush; docs/incidents.md, “Nothing is written, and the queue grows”',
          )
        : well('backlog', since),
    (letters.count ?? 0) > 0
      ? wrong('dead letters', `${letters.count}`, `${curl}/v1/dead-letters, then replay or drop each`)
      : well('dead letters', '0'),
  ];
}

async function canary(base: string, key: string, newId: () => string): Promise<Finding> {
  try {
    const ms = await runCanary({ base, key, limitMs: canaryLimitMs, newId });
    return well('canary', `written and read back in ${(ms / 1000).toFixed(1)} s`);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return wrong(
      'canary',
      detail,
      'npx firebase functions:log; docs/incidents.md, “Nothing is written, and the queue grows”',
    );
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
