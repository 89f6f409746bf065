import { StorageError } from './errors.ts';

/** https://cloud.google.com/storage/docs/authentication/signatures: 7 days at most. */
const longestSeconds = 604_800;

/**
 * Checks the times of a V4 signed address; the signature itself is not looked at. An address without one is left alone.
 * Throws 400 for one that is past its time, or is not what a signed address has to be.
 */
export function checkSignedUrl(query: URLSearchParams, nowMs: number): void {
  if (!query.has('X-Goog-Signature')) return;
  const seconds = Number(query.get('X-Goog-Expires') ?? Number.NaN);
  const signedMs = readTime(query.get('X-Goog-Date') ?? '');
  if (Number.isNaN(signedMs) || !(seconds > 0 && seconds <= longestSeconds)) {
    throw new StorageError(400, 'invalid', 'The signed address has no valid X-Goog-Date or X-Goog-Expires.');
  }
  if (nowMs > signedMs + seconds * 1000) {
    throw new StorageError(
      400,
      'expiredToken',
      'The provided token has expired: the signed address is past.',
    );
  }
}

/** `20300102T030405Z` in ms; NaN for anything else. */
function readTime(text: string): number {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (parts === null) return Number.NaN;
  const [, year, month, day, hour, minute, second] = parts;
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}
