import { AppError } from '../platform/errors.ts';

/** Submitted values, and what messages say of them. */

/** Numbers as forms and existing miners write them. */
export const numberText = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?\s*$/i;

/** True for no value: missing, null or empty, in a form, a query or an object alike. */
export function isEmpty(value: unknown): value is undefined | null | '' {
  return value === undefined || value === null || value === '';
}

/** True for a JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const latestMs = Date.UTC(9999, 11, 31);
const isoTime = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?) ?(Z|[+-]\d\d:?\d\d)?)?$/i;

/**
 * The moment of an ISO 8601 text, UTC where it names no zone; NaN for another text, or a day or
 * time that does not exist.
 */
export function isoTimeMs(text: string): number {
  const [, day = '', time = '00:00', zone = 'Z'] = isoTime.exec(text) ?? [];
  const dayMs = Date.parse(`${day}T00:00Z`);
  // The language takes the 30th of February for a day in March.
  if (Number.isNaN(dayMs) || !new Date(dayMs).toISOString().startsWith(day)) return Number.NaN;
  return Date.parse(`${day}T${time}${zone.toUpperCase().replace(/(\d\d)(\d\d)$/, '$1:$2')}`);
}

/**
 * Milliseconds since the epoch from ISO 8601, or seconds or milliseconds since the epoch;
 * undefined for what is neither.
 */
export function timeMs(value: string | number): number | undefined {
  const number = typeof value === 'number' || numberText.test(value) ? Number(value) : undefined;
  // 1e11 seconds are the year 5138, 1e11 milliseconds are 1973.
  const numberMs = number === undefined ? undefined : Math.round(number < 1e11 ? number * 1000 : number);
  const ms = numberMs ?? isoTimeMs(String(value));
  return ms >= 0 && ms <= latestMs ? ms : undefined;
}

/** The error for a field that is not as it should be. */
export function expected(name: string, what: string, value: unknown): AppError {
  return new AppError('invalid_request', `${name}: expected ${what}, got ${describe(value)}.`);
}

/** The error for what is wrong at a place within a field. */
export function faultAt(place: string, fault: string): AppError {
  return new AppError('invalid_request', `${shortened(place)}: ${fault}.`);
}

/** A place within a field, as messages show it. */
export function shortened(place: string): string {
  return place.length > 128 ? `${place.slice(0, 128)}…` : place;
}

/** A name that came from a caller, as messages show it. */
export function quoted(name: string): string {
  return JSON.stringify(name.length > 64 ? `${name.slice(0, 64)}…` : name);
}

/** A value in the words of a message. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  // NaN, which Python writes, and 1e999 are both read as infinite.
  if (typeof value === 'number' && !Number.isFinite(value)) return 'NaN or a number out of range';
  return typeof value === 'string' ? quoted(value) : String(value);
}
