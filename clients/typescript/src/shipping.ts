import { ApiError, Blocked, Unavailable } from './errors.ts';
import { type Answer, readJson, type Transport } from './transport.ts';
import { stamped } from './values.ts';

/** Refusals of a line that pass: the same line may be taken later. */
export const passing: readonly string[] = ['rate_limited', 'unavailable', 'internal'];

/** An event with its stamp, as it waits to be sent. */
export interface Stamped {
  line: string;
  stamp: string;
}

/** A line that Sluice refused, by its place in the request. */
export interface Rejected {
  index: number;
  code: string;
  message: string;
}

/** The fate of each line of a request: those that are not rejected are durable. */
export interface Shipped {
  rejected: Rejected[];
  serverMs: number | undefined;
}

/**
 * One request of `POST /v1/events`.
 * @throws Unavailable where nothing is known to be kept, Blocked for a key or address that is wrong, ApiError for a
 * body that Sluice takes for none.
 */
export async function ship(
  transport: Transport,
  lines: readonly Stamped[],
  timeoutMs?: number,
): Promise<Shipped> {
  const answer = await transport.request('POST', `${transport.base}/v1/events`, {
    headers: {
      ...transport.keyHeader,
      'Content-Type': 'application/x-ndjson',
      Accept: 'application/json',
    },
    body: lines.map(({ line, stamp }) => `${stamped(line, stamp)}\n`).join(''),
    timeoutMs,
  });
  const { status } = answer;
  const shipped = [202, 403, 422].includes(status) ? fatesIn(answer, lines.length) : undefined;
  if (shipped !== undefined) return shipped;
  if (status >= 200 && status < 300) {
    throw new Unavailable(
      `Expected Sluice's answer to ${lines.length} events, got ${status} from somebody else.`,
    );
  }
  const error = transport.errorOf(answer);
  if (error instanceof ApiError && [403, 404, 405, 415].includes(status)) {
    throw new Blocked(status, error.code, error.detail);
  }
  throw error;
}

/** The fate of each line, where the answer tells it of all of them. */
function fatesIn(answer: Answer, count: number): Shipped | undefined {
  try {
    const { accepted, rejected, server_time } = readJson(answer) as {
      accepted: number;
      rejected: Rejected[];
      server_time?: string;
    };
    const places = new Set(rejected.map(({ index }) => index));
    const areLines = [...places].every((index) => Number.isInteger(index) && index >= 0 && index < count);
    if (!areLines || accepted + places.size !== count) return undefined;
    const serverMs = Date.parse(server_time ?? '');
    return { rejected, serverMs: Number.isNaN(serverMs) ? undefined : serverMs };
  } catch {
    return undefined;
  }
}
