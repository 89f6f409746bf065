import type { World } from './clock.ts';
import {
  ApiError,
  Blocked,
  ConfigurationError,
  messageOf,
  NotFound,
  SluiceError,
  Unavailable,
} from './errors.ts';
import { decode, encode } from './values.ts';

/** The longest answer that is taken into memory. */
const maxAnswerBytes = 256 * 1024 * 1024;

/** The whole answer, of any status. */
export interface Answer {
  status: number;
  headers: Headers;
  body: Uint8Array<ArrayBuffer>;
}

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

interface Sent {
  headers?: Readonly<Record<string, string>> | undefined;
  body?: string | Uint8Array<ArrayBuffer> | undefined;
  timeoutMs?: number | undefined;
  redirect?: 'manual' | 'follow';
}

interface Call extends Sent {
  json?: unknown;
  query?: Query;
}

interface TransportOptions extends World {
  url: string;
  key: string;
  timeoutMs: number;
}

/** Sends requests to one base address, and to the addresses that Sluice names, which never see the key. */
export class Transport {
  readonly base: string;
  readonly world: World;
  readonly keyHeader: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly #underWay = new Set<AbortController>();

  constructor({ url, key, timeoutMs, ...world }: TransportOptions) {
    this.base = checkedUrl(url);
    if (!/^[\x21-\x7e]+$/.test(key)) {
      throw new ConfigurationError('key: expected an API key of Sluice in visible ASCII characters.');
    }
    this.keyHeader = { 'X-API-Key': key };
    this.timeoutMs = timeoutMs;
    this.world = world;
  }

  /** The JSON of a route's answer. Throws for all but 2xx. */
  async json<Result extends object>(method: string, path: string, call: Call = {}): Promise<Result> {
    const value = readJson(await this.call(method, path, call));
    if (typeof value === 'object' && value !== null) return value as Result;
    throw new Unavailable(`Expected an object of ${method} ${path}, got another value.`);
  }

  /** A route's answer where it is 2xx; throws for all else. */
  async call(method: string, path: string, { json, query = {}, ...sent }: Call = {}): Promise<Answer> {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) search.set(name, String(value));
    const target = `${this.base}${path}${search.size > 0 ? `?${search}` : ''}`;
    const headers = { Accept: 'application/json', ...this.keyHeader, ...sent.headers };
    const answer = await this.request(
      method,
      target,
      json === undefined
        ? { ...sent, headers }
        : { ...sent, headers: { 'Content-Type': 'application/json', ...headers }, body: encode(json) },
    );
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw this.errorOf(answer);
  }

  /** One request, whatever its status. Throws Unavailable where no whole answer came. */
  async request(method: string, address: string, sent: Sent = {}): Promise<Answer> {
    const { headers = {}, body = null, timeoutMs = this.timeoutMs, redirect = 'manual' } = sent;
    const { fetch, clock } = this.world;
    const control = new AbortController();
    this.#underWay.add(control);
    const late = (): void => control.abort(new Error(`no whole answer within ${timeoutMs} ms`));
    const timer = clock.setTimeout(late, timeoutMs);
    try {
      const options = {
        method,
        headers,
        body,
        redirect,
        credentials: 'omit',
        signal: control.signal,
      } as const;
      const response = await fetch(address, options);
      return { status: response.status, headers: response.headers, body: await wholeBody(response) };
    } catch (error) {
      if (error instanceof SluiceError) throw error;
      const { origin, pathname } = new URL(address);
      // Its query may hold a secret.
      throw new Unavailable(`${method} ${origin}${pathname} got no whole answer: ${messageOf(error)}`, {
        cause: error,
      });
    } finally {
      clock.clearTimeout(timer);
      this.#underWay.delete(control);
    }
  }

  /** Gives up the requests that are under way. */
  abort(): void {
    for (const control of this.#underWay) control.abort(new Error('the client was closed'));
  }

  /** The error that an answer other than 2xx stands for. */
  errorOf({ status, headers, body }: Answer): SluiceError {
    // 0 is a browser's word for a redirect that it does not follow.
    if (status < 400) {
      const to = headers.get('location') ?? 'elsewhere';
      const detail = `${this.base} sends on to ${to}; give the address that answers as url.`;
      return new Blocked(status, 'redirected', detail);
    }
    const { code, detail = `${this.base} answered ${status}.` } = problemIn(body);
    if (status === 401 || status === 407 || (status === 403 && code === undefined)) {
      return new Blocked(status, code, detail);
    }
    if (status === 408 || status === 425 || status === 429 || status >= 500) {
      return new Unavailable(detail, { status, retryAfterMs: this.retryAfterMs(headers) });
    }
    return new (status === 404 && code !== undefined ? NotFound : ApiError)(status, code, detail);
  }

  /** Milliseconds after which an answer asks to come again. */
  retryAfterMs(headers: Headers): number | undefined {
    const value = headers.get('retry-after')?.trim() ?? '';
    if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
    // By the clock of who answered: this machine's may be wrong.
    const nowMs = Date.parse(headers.get('date') ?? '') || this.world.now();
    const atMs = Date.parse(value);
    return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
  }
}

/** The JSON of an answer. Throws Unavailable where it is none: then somebody else answered. */
export function readJson({ status, body }: Answer): unknown {
  try {
    return decode(new TextDecoder().decode(body));
  } catch (cause) {
    const message = `Expected JSON from Sluice, got ${status} with ${body.length} other bytes.`;
    throw new Unavailable(message, { status, cause });
  }
}

function problemIn(body: Uint8Array): { code?: string; detail?: string } {
  try {
    const { code, detail } = JSON.parse(new TextDecoder().decode(body)) as Record<string, unknown>;
    return {
      ...(typeof code === 'string' && { code }),
      ...(typeof detail === 'string' && detail !== '' && { detail }),
    };
  } catch {
    return {};
  }
}

async function wholeBody({ body }: Response): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  const reader = body?.getReader();
  for (let read = await reader?.read(); read?.value !== undefined; read = await reader?.read()) {
    size += read.value.length;
    if (size > maxAnswerBytes) {
      await reader?.cancel();
      throw new Unavailable('The answer does not end.');
    }
    chunks.push(read.value);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

function checkedUrl(url: string): string {
  const parts = URL.canParse(url) ? new URL(url) : undefined;
  const isBase =
    parts !== undefined && /^https?:$/.test(parts.protocol) && !/[?#]/.test(url) && parts.username === '';
  if (isBase) return url.replace(/\/+$/, '');
  // It may hold a password.
  throw new ConfigurationError('url: expected the address of Sluice, such as https://NAME.web.app.');
}
