/** An answer that is none, or a refusal. `status` is 0 where nothing answered. */
export class ApiError extends Error {
  readonly status: number;
  /** The code of the problem answer; `unreachable` or `timeout` where nothing answered. */
  readonly code: string;
  readonly retryAfterMs: number | undefined;

  constructor(status: number, code: string, message: string, retryAfterMs?: number) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

export interface Api {
  /** @throws ApiError */
  get<Answer>(path: string): Promise<Answer>;
  /** Sends JSON, if any. An answer without a body is undefined. @throws ApiError */
  send<Answer>(method: 'POST' | 'DELETE', path: string, body?: unknown): Promise<Answer>;
}

interface ApiOptions {
  key: string;
  fetch(path: string, init: RequestInit): Promise<Response>;
  /** The browser's clock, ms. */
  now(): number;
  /** Called with each answer's time by the server and the browser's when it came, ms. */
  onTime?(serverMs: number, browserMs: number): void;
  /** Called where the key is not known, or not any more. */
  onUnknownKey?(): void;
}

const getTimeoutMs = 15_000;
/** The waited flush takes up to 25 s. */
const sendTimeoutMs = 40_000;

/** A client of this origin's API that sends the key with each request. */
export function apiClient(options: ApiOptions): Api {
  const { key, now } = options;
  const ask = async <Answer>(method: string, path: string, body?: unknown): Promise<Answer> => {
    const sentMs = now();
    const timeoutMs = method === 'GET' ? getTimeoutMs : sendTimeoutMs;
    const answer = await options
      .fetch(path, {
        method,
        headers: {
          'X-API-Key': key,
          ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        cache: 'no-store',
        credentials: 'omit',
        redirect: 'error',
        referrerPolicy: 'no-referrer',
        signal: AbortSignal.timeout(timeoutMs),
      })
      .catch((error: unknown) => Promise.reject(withoutAnswer(error, timeoutMs)));
    const serverMs = Date.parse(answer.headers.get('date') ?? '');
    // The header is cut to seconds: half of one is missing on average.
    if (Number.isFinite(serverMs)) options.onTime?.(serverMs + 500, (sentMs + now()) / 2);
    const text = await answer
      .text()
      .catch((error: unknown) => Promise.reject(withoutAnswer(error, timeoutMs)));
    const json = parsed(text);
    if (answer.status === 401) options.onUnknownKey?.();
    if (!answer.ok) throw refusal(answer, json);
    if (json === undefined && text !== '') {
      throw new ApiError(
        answer.status,
        'not_json',
        'The answer is not JSON: does this address belong to Sluice?',
      );
    }
    return json as Answer;
  };
  return {
    get: (path) => ask('GET', path),
    send: (method, path, body) => ask(method, path, body),
  };
}

/** True for a text that can be a key: what a header can carry. */
export function canBeKey(text: string): boolean {
  return /^[\x21-\x7e]{1,512}$/.test(text);
}

function withoutAnswer(error: unknown, timeoutMs: number): ApiError {
  return error instanceof Error && error.name === 'TimeoutError'
    ? new ApiError(0, 'timeout', `No answer came within ${timeoutMs / 1000} s.`)
    : new ApiError(0, 'unreachable', 'Nothing answers: the network or Sluice is down.');
}

function refusal(answer: Response, json: unknown): ApiError {
  const { code, detail } = (typeof json === 'object' && json !== null ? json : {}) as Record<string, unknown>;
  const seconds = Number.parseFloat(answer.headers.get('retry-after') ?? '');
  return new ApiError(
    answer.status,
    typeof code === 'string' ? code : 'unexpected',
    typeof detail === 'string' ? detail : `The answer is ${answer.status}.`,
    Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined,
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
