import { createHash, type KeyObject, verify } from 'node:crypto';
import { invalid, StorageError } from './errors.ts';
import type { StorageRequest } from './http.ts';

/** https://cloud.google.com/storage/docs/authentication/signatures: 7 days at most. */
const longestSeconds = 604_800;
/** The most that the signer's clock may be ahead. */
const skewMs = 15 * 60_000;

export interface Signer {
  readonly email: string;
  readonly publicKey: KeyObject;
}

/**
 * Checks a V4 signed address: times, method, host, path, parameters and headers, by the signer's key
 * (https://cloud.google.com/storage/docs/authentication/canonical-requests). Throws 400 for one that is past its time
 * or malformed, 403 for one that is not signed, not by an account we know, or not for this request.
 */
export function checkSignature(request: StorageRequest, signers: readonly Signer[], nowMs: number): void {
  const { query, headers } = request;
  if (query.has('GoogleAccessId'))
    throw invalid('Signed addresses of version 2 are not served here: sign with version 4.');
  const signature = query.get('X-Goog-Signature');
  if (signature === null) {
    throw new StorageError(403, 'accessDenied', 'Anonymous caller does not have access to the object.');
  }
  if (query.get('X-Goog-Algorithm') !== 'GOOG4-RSA-SHA256') {
    throw invalid('X-Goog-Algorithm has to be GOOG4-RSA-SHA256 here.');
  }
  const date = query.get('X-Goog-Date') ?? '';
  checkTimes(date, query.get('X-Goog-Expires') ?? '', nowMs);
  const [email, ...scope] = (query.get('X-Goog-Credential') ?? '').split('/');
  if (
    scope.length !== 4 ||
    scope[0] !== date.slice(0, 8) ||
    scope.slice(2).join('/') !== 'storage/goog4_request'
  ) {
    throw invalid(
      'X-Goog-Credential has to be ACCOUNT/YYYYMMDD/LOCATION/storage/goog4_request of the day signed.',
    );
  }
  const signer = signers.find((each) => each.email === email);
  if (signer === undefined) {
    throw new StorageError(403, 'invalidSecurity', 'The provided security credentials are not valid.');
  }
  const signedHeaders = (query.get('X-Goog-SignedHeaders') ?? '').split(';');
  if (!signedHeaders.includes('host')) throw invalid('The header host has to be signed.');
  const unsigned = Object.keys(headers).find(
    (name) => name.startsWith('x-goog-') && !signedHeaders.includes(name),
  );
  if (unsigned !== undefined) {
    throw new StorageError(403, 'malformedSecurityHeader', `The header ${unsigned} was sent but not signed.`);
  }
  // The official client signs the host without its port, which Google's own address does not have.
  const hosts = new Set([headers.host ?? '', (headers.host ?? '').replace(/:\d+$/, '')]);
  const isSigned = [...hosts].some((host) => {
    const canonical = createHash('sha256')
      .update(canonicalRequest(request, signedHeaders, host))
      .digest('hex');
    const text = ['GOOG4-RSA-SHA256', date, scope.join('/'), canonical].join('\n');
    return verify('RSA-SHA256', Buffer.from(text), signer.publicKey, Buffer.from(signature, 'hex'));
  });
  if (!isSigned) {
    throw new StorageError(
      403,
      'signatureDoesNotMatch',
      'Access denied: the signature is not one of this method, host, path, parameters and headers.',
    );
  }
}

function canonicalRequest(request: StorageRequest, signedHeaders: string[], host: string): string {
  const { method, segments, query, headers } = request;
  const parameters = [...query]
    .filter(([name]) => name !== 'X-Goog-Signature')
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map((pair) => pair.join('='));
  const lines = signedHeaders.map((name) => {
    const value = name === 'host' ? host : String(headers[name] ?? '');
    return `${name}:${value.trim().replace(/\s{2,}/g, ' ')}\n`;
  });
  const payload = headers['x-goog-content-sha256'] ?? 'UNSIGNED-PAYLOAD';
  const path = `/${segments
    .flatMap((segment) => segment.split('/'))
    .map(encode)
    .join('/')}`;
  return [method, path, parameters.join('&'), lines.join(''), signedHeaders.join(';'), payload].join('\n');
}

/** RFC 3986: encodes everything but letters, digits, `-._~`. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function checkTimes(date: string, expires: string, nowMs: number): void {
  const seconds = Number(expires || Number.NaN);
  const signedMs = readTime(date);
  if (Number.isNaN(signedMs) || !(seconds > 0 && seconds <= longestSeconds)) {
    throw invalid('The signed address has no valid X-Goog-Date or X-Goog-Expires.');
  }
  if (nowMs > signedMs + seconds * 1000) {
    throw new StorageError(
      400,
      'expiredToken',
      'The provided token has expired: the signed address is past.',
    );
  }
  if (signedMs > nowMs + skewMs) {
    throw new StorageError(403, 'requestTimeTooSkewed', 'The signed address is not of this time yet.');
  }
}

/** `20300102T030405Z` in ms; NaN for anything else. */
function readTime(text: string): number {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (parts === null) return Number.NaN;
  const [, year, month, day, hour, minute, second] = parts;
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}
