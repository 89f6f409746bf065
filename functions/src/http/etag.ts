/** Tells if an `If-None-Match` header names this ETag (https://www.rfc-editor.org/rfc/rfc9110#name-if-none-match). */
export function matchesEtag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  const opaque = (tag: string): string => tag.trim().replace(/^W\//, '');
  return header.trim() === '*' || header.split(',').some((tag) => opaque(tag) === opaque(etag));
}
