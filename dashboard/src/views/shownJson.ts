const shownCharacters = 20_000;

/** A value as indented JSON, cut where it is long; `whole` are its characters then. */
export function shownJson(value: unknown, most = shownCharacters): { text: string; whole?: number } {
  const text = typeof value === 'string' ? value : (JSON.stringify(value, undefined, 2) ?? '');
  return text.length <= most ? { text } : { text: text.slice(0, most), whole: text.length };
}
