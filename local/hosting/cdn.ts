import type { IncomingMessage } from 'node:http';

/** A function's answer that is given again. */
export interface Copy {
  /** Names and values in turn. */
  headers: readonly string[];
  body: Buffer;
  keptAtMs: number;
}

interface Kept extends Copy {
  untilMs: number;
  /** The request's values of the headers by which answers differ. */
  request: ReadonlyMap<string, string>;
}

/** Answers differ by these whether they say so or not: https://firebase.google.com/docs/hosting/manage-cache */
const alwaysVaries = ['cookie', 'authorization'];

/** Bytes that the one edge here keeps; the URL kept longest goes first. */
const maxKeptBytes = 64 * 1024 * 1024;

/**
 * The copies of functions' answers that Hosting's CDN keeps: of GET, with status 200, where `Cache-Control` says
 * `public` and an age. They are told apart by the whole URL, Cookie, Authorization and what `Vary` names.
 */
export class Cdn {
  readonly #byUrl = new Map<string, Kept[]>();
  readonly #now: () => number;
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(now: () => number, maxBytes = maxKeptBytes) {
    this.#now = now;
    this.#maxBytes = maxBytes;
  }

  /** The copy that answers a request, where there is one that is not too old. */
  find(request: IncomingMessage): Copy | undefined {
    if (request.method !== 'GET' && request.method !== 'HEAD') return undefined;
    const nowMs = this.#now();
    return this.#byUrl
      .get(request.url ?? '')
      ?.find(
        (kept) =>
          nowMs < kept.untilMs && [...kept.request].every(([name, said]) => said === saidIn(request, name)),
      );
  }

  /** Keeps an answer that is on its way with these headers, once it is whole, if it may be kept. */
  keep(request: IncomingMessage, answer: IncomingMessage, headers: readonly string[]): void {
    const ageMs = keptForMs(headers);
    const varies = [...alwaysVaries, ...listed(headerIn(headers, 'vary'))];
    if (request.method !== 'GET' || answer.statusCode !== 200 || ageMs === 0 || varies.includes('*')) return;
    const said = new Map(varies.map((name) => [name, saidIn(request, name)]));
    const keptAtMs = this.#now();
    const chunks: Buffer[] = [];
    answer.on('data', (chunk: Buffer) => chunks.push(chunk));
    answer.once('end', () => {
      if (!answer.complete) return;
      const body = Buffer.concat(chunks);
      this.#add(request.url ?? '', { headers, body, keptAtMs, untilMs: keptAtMs + ageMs, request: said });
    });
  }

  #add(url: string, kept: Kept): void {
    const others = this.#forget(url).filter(
      (other) => other.untilMs > this.#now() && !isSame(other.request, kept.request),
    );
    const all = [...others, kept];
    this.#byUrl.set(url, all);
    this.#bytes += bytesOf(all);
    for (const oldest of this.#byUrl.keys()) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#forget(oldest);
    }
  }

  #forget(url: string): Kept[] {
    const kept = this.#byUrl.get(url) ?? [];
    this.#byUrl.delete(url);
    this.#bytes -= bytesOf(kept);
    return kept;
  }
}

/** Milliseconds for which an answer with these headers is kept; 0: it is not. */
function keptForMs(headers: readonly string[]): number {
  const said = listed(headerIn(headers, 'cache-control'));
  if (!said.includes('public') || said.some((each) => /^(private|no-store|no-cache)\b/.test(each))) return 0;
  if (headerIn(headers, 'set-cookie') !== '') return 0;
  const secondsOf = (name: string): string | undefined =>
    said.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1);
  const seconds = Number(secondsOf('s-maxage') ?? secondsOf('max-age'));
  return seconds > 0 ? seconds * 1000 : 0;
}

function listed(value: string): string[] {
  return value
    .toLowerCase()
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
}

/** Every value of a header, with commas. */
function headerIn(headers: readonly string[], name: string): string {
  return headers
    .filter((_, index) => index % 2 === 1 && headers[index - 1]?.toLowerCase() === name)
    .join(',');
}

function saidIn(request: IncomingMessage, name: string): string {
  return String(request.headers[name] ?? '');
}

function isSame(some: ReadonlyMap<string, string>, others: ReadonlyMap<string, string>): boolean {
  return some.size === others.size && [...some].every(([name, said]) => others.get(name) === said);
}

function bytesOf(kept: readonly Kept[]): number {
  return kept.reduce((sum, { body, headers }) => sum + body.length + headers.join('').length, 0);
}
