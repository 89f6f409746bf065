import { sha256Hex } from '../platform/ids.ts';
import type { ApiRequest } from './route.ts';

/** Makes the weak ETag of a text. */
export function weakEtag(text: string): string {
  return `W/"${sha256Hex(text).slice(0, 32)}"`;
}

/**
 * Tells if `If-None-Match` names this ETag
 * (https://www.rfc-editor.org/rfc/rfc9110#name-if-none-match): the answer is 304.
 */
export function notModified(request: Pick<ApiRequest, 'header'>, etag: string): boolean {
  const header = request.header('if-none-match');
  if (header === undefined) return false;
  const opaque = (tag: string): string => tag.trim().replace(/^W\//, '');
  return header.trim() === '*' || header.split(',').some((tag) => opaque(tag) === opaque(etag));
}
