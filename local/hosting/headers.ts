import type { IncomingMessage } from 'node:http';

/** An entry of firebase.json's `headers`. */
export interface HeaderRule {
  pattern: RegExp;
  headers: { key: string; value: string }[];
}

/** Headers by name in lower case. */
export type ConfiguredHeaders = ReadonlyMap<string, string>;

/** Headers that the rules for a path set; of several rules that set the same header, the last one counts. */
export function headersFor(rules: readonly HeaderRule[], path: string): ConfiguredHeaders {
  const found = rules.filter(({ pattern }) => pattern.test(path)).flatMap(({ headers }) => headers);
  return new Map(found.map(({ key, value }) => [key.toLowerCase(), value]));
}

/**
 * A function's answer as Hosting passes it on: private unless the function says otherwise, without cookies when it may
 * be cached for all, with what firebase.json sets. https://firebase.google.com/docs/hosting/manage-cache
 */
export function passedOn(raw: readonly string[], configured: ConfiguredHeaders): string[] {
  const headers: [name: string, value: string][] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) headers.push([raw[i] ?? '', raw[i + 1] ?? '']);
  const cacheControl = headers.find(([name]) => name.toLowerCase() === 'cache-control')?.[1];
  if (cacheControl === undefined) headers.push(['cache-control', 'private']);
  const isShared = cacheControl !== undefined && !cacheControl.includes('private');
  const kept = headers.filter(([name]) => {
    const lower = name.toLowerCase();
    return !configured.has(lower) && !(isShared && lower === 'set-cookie');
  });
  return [...kept, ...configured].flat();
}

/**
 * Keeps the one cookie that functions see, `__session`:
 * https://firebase.google.com/docs/hosting/manage-cache#using_cookies
 */
export function keepSessionCookie(request: IncomingMessage): void {
  const cookies = request.headers.cookie?.split(/; ?/) ?? [];
  const session = cookies.find((cookie) => cookie.startsWith('__session='));
  if (session === undefined) delete request.headers.cookie;
  else request.headers.cookie = session;
}
