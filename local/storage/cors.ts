import type { Buckets } from './buckets.ts';
import type { StorageRequest } from './http.ts';
import type { UploadSessions } from './sessions.ts';

const sessionHeaders = 'Content-Length, Content-Type, Location, Range, X-GUploader-UploadID';
const defaultMaxAgeSeconds = 3600;

/**
 * Headers by which a browser lets a page use the answer. A resumable session is for the `Origin` that
 * opened it (https://cloud.google.com/storage/docs/troubleshooting#cors); `/bucket/object` is for those
 * that the bucket's `cors` names.
 */
export function corsHeaders(
  request: StorageRequest,
  { buckets, sessions }: { buckets: Buckets; sessions: UploadSessions },
): Record<string, string> {
  const { headers, segments, query } = request;
  const { origin } = headers;
  if (origin === undefined) return {};
  const isPreflight = request.method === 'OPTIONS';
  const method = isPreflight ? String(headers['access-control-request-method']) : request.method;
  const openedFrom = sessions.originOf(query.get('upload_id') ?? '');
  if (openedFrom !== undefined) {
    const asked = String(headers['access-control-request-headers'] ?? '');
    return allow(
      openedFrom,
      sessionHeaders,
      isPreflight ? { method, headers: asked, maxAge: defaultMaxAgeSeconds } : undefined,
    );
  }
  if (segments[0] === 'b') return {};
  const bucket = buckets.all().find(({ name }) => name === segments[0]);
  const rule = bucket?.settings.cors?.find((each) => has(each.origin, origin) && has(each.method, method));
  if (rule === undefined) return {};
  const exposed = (rule.responseHeader ?? []).join(', ');
  const maxAge = rule.maxAgeSeconds ?? defaultMaxAgeSeconds;
  const allowed = rule.origin?.includes('*') ? '*' : origin;
  return allow(
    allowed,
    exposed,
    isPreflight ? { method: (rule.method ?? []).join(', '), headers: exposed, maxAge } : undefined,
  );
}

function has(list: string[] | undefined, value: string): boolean {
  return list?.some((each) => each === '*' || each === value) ?? false;
}

function allow(
  origin: string,
  exposed: string,
  preflight: { method: string; headers: string; maxAge: number } | undefined,
): Record<string, string> {
  const common = { 'access-control-allow-origin': origin, vary: 'Origin' };
  if (preflight === undefined) return { ...common, 'access-control-expose-headers': exposed };
  return {
    ...common,
    'access-control-allow-methods': preflight.method,
    'access-control-allow-headers': preflight.headers,
    'access-control-max-age': String(preflight.maxAge),
  };
}
