/**
 * True where an answer of a Google API has all that was wanted: it may have more, and leaves out what has its type's
 * default, as JSON of protocol buffers does.
 */
export function isWithin(wanted: unknown, present: unknown): boolean {
  if (Array.isArray(wanted)) {
    const list = present ?? [];
    if (!Array.isArray(list) || list.length !== wanted.length) return false;
    return wanted.every((one, index) => isWithin(one, list[index]));
  }
  if (typeof wanted === 'object' && wanted !== null) {
    if (typeof present !== 'object' || present === null) return Object.keys(wanted).length === 0;
    const fields = present as Readonly<Record<string, unknown>>;
    return Object.entries(wanted).every(([name, one]) => isWithin(one, fields[name]));
  }
  if (present === undefined) return wanted === undefined || !wanted;
  return wanted === present;
}
