/** A document's value as JSON that tells dates and bytes from texts. */
export function tagged(value: unknown): unknown {
  if (value instanceof Date) return { $date: value.getTime() };
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString('base64') };
  if (typeof value === 'bigint') return { $integer: String(value) };
  if (Array.isArray(value)) return value.map(tagged);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, tagged(inner)]));
}

/** The value behind {@link tagged}. */
export function untagged(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(untagged);
  if (typeof value !== 'object' || value === null) return value;
  if ('$date' in value) return new Date(Number(value.$date));
  if ('$bytes' in value) return Buffer.from(String(value.$bytes), 'base64');
  if ('$integer' in value) return BigInt(String(value.$integer));
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, untagged(inner)]));
}
