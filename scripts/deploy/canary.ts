/** A response sent, written and read back: the shortest way through all of Sluice. */

const tryEveryMs = 3000;

/** Callers wait at most this for a task that completes. */
const mostWaitSeconds = 25;

interface CanaryOptions {
  /** Address of the installation, without a slash at the end. */
  base: string;
  /** A key that may send and read: of role admin. */
  key: string;
  /** Roles that were granted just now take effect within minutes: until then it is tried again. */
  limitMs: number;
  newId: () => string;
  /** True of a key that was deployed just now, which instances of before do not know yet. */
  isKeyNew?: boolean;
}

/** Sluice itself, and not the platform before it, refused the key. */
class KeyRefused extends Error {}

/**
 * Sends a task with its one response and waits until it can be read as completed. Returns the milliseconds from the
 * response to that.
 * @throws Error that says which step failed, and with what.
 */
export async function runCanary({ base, key, limitMs, newId, isKeyNew }: CanaryOptions): Promise<number> {
  const endMs = Date.now() + limitMs;
  const waitSeconds = Math.min(mostWaitSeconds, Math.max(1, limitMs / 1000));
  for (;;) {
    try {
      return await runOnce(base, key, newId(), waitSeconds);
    } catch (error) {
      const isFinal = error instanceof KeyRefused && isKeyNew !== true;
      if (isFinal || Date.now() + tryEveryMs > endMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, tryEveryMs));
    }
  }
}

async function runOnce(base: string, key: string, taskId: string, waitSeconds: number): Promise<number> {
  const headers = { 'X-API-Key': key, 'content-type': 'application/json' };
  const send = async (path: string, body: object): Promise<void> => {
    const answer = await fetch(base + path, { method: 'POST', headers, body: JSON.stringify(body) });
    if (answer.status !== 202) throw await failure(`POST ${path}`, answer);
  };
  await send('/v1/tasks?visibility=prompt', {
    task_id: taskId,
    task_type: 'canary',
    required_miner_count: 1,
  });
  const sentMs = Date.now();
  await send('/v1/responses?visibility=prompt', {
    task_id: taskId,
    miner_uid: 0,
    response_data: { canary: true },
  });
  const path = `/v1/tasks/${taskId}?wait=completed&timeout=${waitSeconds}`;
  const answer = await fetch(base + path, { headers });
  if (answer.status !== 200) throw await failure(`GET ${path}`, answer);
  const { status } = (await answer.json()) as { status?: string };
  if (status !== 'completed')
    throw new Error(`The canary's task is ${status}, ${waitSeconds} s after its response.`);
  return Date.now() - sentMs;
}

async function failure(what: string, answer: Response): Promise<Error> {
  const isOfSluice = answer.headers.get('content-type')?.startsWith('application/problem+json') === true;
  const Kind = isOfSluice && [401, 403].includes(answer.status) ? KeyRefused : Error;
  return new Kind(
    `The canary's ${what} was answered ${answer.status}: ${(await answer.text()).slice(0, 300)}`,
  );
}
