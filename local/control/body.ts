import type { IncomingMessage } from 'node:http';

/** A request the control interface refuses; the message is for the caller. */
export class BadRequest extends Error {}

const maxBodyBytes = 64 * 1024;

/** The JSON object a request carries; an empty body is an empty object. */
export async function readObject(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk;
    if (text.length > maxBodyBytes) throw new BadRequest('The body is too large.');
  }
  if (text === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // Answered below, like every other body that is no object.
  }
  throw new BadRequest('The body must be a JSON object.');
}

/** Refuses fields that nobody reads: a typing error would otherwise do nothing, silently. */
export function onlyFields(body: Record<string, unknown>, known: readonly string[]): void {
  const unknown = Object.keys(body).filter((field) => !known.includes(field));
  if (unknown.length > 0)
    throw new BadRequest(`${unknown.join(', ')}: not known here; there are ${known.join(', ')}.`);
}

/** The number in a field, within its bounds; `fallback` when it is absent. */
export function number(
  body: Record<string, unknown>,
  field: string,
  min: number,
  max: number,
  fallback?: number,
): number {
  const value = body[field] ?? fallback;
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw new BadRequest(`${field} must be a number from ${min} to ${max}.`);
}

/** The value of a field that may be one of a few; `fallback` when it is absent. */
export function oneOf<T extends string>(
  body: Record<string, unknown>,
  field: string,
  allowed: readonly T[],
  fallback?: T,
): T {
  const value = body[field] ?? fallback;
  const found = allowed.find((each) => each === value);
  if (found === undefined) throw new BadRequest(`${field} must be one of ${allowed.join(', ')}.`);
  return found;
}

/** The boolean in a field; false when it is absent. */
export function flag(body: Record<string, unknown>, field: string): boolean {
  const value = body[field] ?? false;
  if (typeof value === 'boolean') return value;
  throw new BadRequest(`${field} must be true or false.`);
}
