import { AppError } from '../platform/errors.ts';
import type { Json, JsonObject } from '../platform/json.ts';
import { maxJsonDepth } from './limits.ts';

/**
 * Readers of single submitted fields: each returns the value or throws AppError `invalid_request` that says what was
 * expected and what came. By hand, because a schema library would double the cold start of `ingest`.
 */

/** Numbers of a form come as text. */
const numberText = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?\s*$/i;

export function readInteger(value: unknown, name: string, least: number, most: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
    throw expected(name, `an integer from ${least} to ${most}`, value);
  }
  return value;
}

/** A finite number; 0 where there is none. */
export function readScore(value: unknown, name: string, texts: boolean): number {
  if (value === undefined || value === null || value === '') return 0;
  const number = texts && typeof value === 'string' && numberText.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number)) throw expected(name, 'a finite number', value);
  return number;
}

export function readText(value: unknown, name: string, maxLength: number): string {
  if (typeof value !== 'string' || value === '' || value.length > maxLength) {
    throw expected(name, `a text of 1 to ${maxLength} characters`, value);
  }
  return value;
}

/** A text, or undefined where there is none: missing, null or empty. */
export function readOptionalText(value: unknown, name: string, maxLength: number): string | undefined {
  return value === undefined || value === null || value === '' ? undefined : readText(value, name, maxLength);
}

/** Any JSON value that nests at most 20 deep and that JSON can write again as it came. */
export function readJsonValue(value: unknown, name: string): Json {
  const fault = jsonFault(value, maxJsonDepth);
  if (fault !== undefined) throw new AppError('invalid_request', `${name}: ${fault}.`);
  return value as Json;
}

export function readJsonObject(value: unknown, name: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw expected(name, 'an object', value);
  return readJsonValue(value, name) as JsonObject;
}

const latestMs = Date.UTC(9999, 11, 31);
/** Python's isoformat() of a time without zone. */
const withoutZone = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?$/;

/** ISO 8601, UTC where it names no zone, or seconds or milliseconds since the epoch; `otherwise` where there is none. */
export function readTimeMs(value: unknown, name: string, otherwise: number): number {
  if (value === undefined || value === null || value === '') return otherwise;
  const ms = timeMs(value);
  if (!(ms >= 0 && ms <= latestMs))
    throw expected(name, 'an ISO 8601 time or seconds since the epoch', value);
  return ms;
}

function timeMs(value: unknown): number {
  const number = typeof value === 'string' && numberText.test(value) ? Number(value) : value;
  // 1e11 seconds are the year 5138, 1e11 milliseconds are 1973.
  if (typeof number === 'number') return Math.round(number < 1e11 ? number * 1000 : number);
  if (typeof value !== 'string') return Number.NaN;
  const hasTime = value.length > 10;
  return Date.parse(withoutZone.test(value) && hasTime ? `${value.replace(' ', 'T')}Z` : value);
}

/** The error for a field that is not as it should be. */
export function expected(name: string, what: string, value: unknown): AppError {
  return new AppError('invalid_request', `${name}: expected ${what}, got ${describe(value)}.`);
}

/** A name that came from a caller, as messages show it. */
export function quoted(name: string): string {
  return JSON.stringify(name.length > 64 ? `${name.slice(0, 64)}…` : name);
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'string' ? quoted(value) : String(value);
}

function jsonFault(value: unknown, depthLeft: number): string | undefined {
  // 1e999 parses, as infinite.
  if (typeof value === 'number' && !Number.isFinite(value)) return 'a number is out of range';
  if (typeof value !== 'object' || value === null) return undefined;
  if (depthLeft === 0) return `nests deeper than ${maxJsonDepth}`;
  for (const child of Object.values(value)) {
    const fault = jsonFault(child, depthLeft - 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
