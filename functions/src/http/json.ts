import { isUtf8 } from 'node:buffer';
import { AppError, messageOf } from '../platform/errors.ts';
import { parseExact, rewritten } from '../platform/json.ts';
import { maxJsonContainers, maxJsonValues, uncountedJsonLength } from './limits.ts';

/**
 * The text of a body. @throws AppError `invalid_request`: decoding bytes that are no UTF-8 would alter them in silence.
 */
export function utf8Text(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new AppError('invalid_request', 'The body is not UTF-8.');
  return bytes.toString('utf8');
}

/**
 * Parses JSON as callers write it: a byte order mark may stand before it, long integers are kept, and NaN and
 * ±Infinity, which Python writes, are read as infinite numbers, for who reads the field to say what becomes of them.
 * @throws AppError `invalid_request` with the position of the fault, or for more values than memory should pay.
 */
export function parseJson(text: string): unknown {
  const bare = withoutMark(text);
  refuseJsonBomb(bare);
  try {
    return parseExact(bare);
  } catch (cause) {
    const value = parsePython(bare);
    if (value !== undefined) return value;
    throw new AppError('invalid_request', `Malformed JSON ${faultOf(messageOf(cause), bare)}.`);
  }
}

/**
 * The value of a text that is JSON, as {@link parseJson} reads it; any other text, such as
 * Python's str(dict), stays one.
 * @throws AppError `invalid_request` for more arrays and objects than memory should pay.
 */
export function jsonOrText(text: string): unknown {
  const bare = withoutMark(text);
  if (!/^\s*[[{]/.test(bare)) return scalarOrText(bare, text);
  refuseJsonBomb(bare);
  try {
    return parseExact(bare);
  } catch {
    return parsePython(bare) ?? text;
  }
}

/** NaN alone is a word like another. */
function scalarOrText(bare: string, text: string): unknown {
  try {
    const value = parseExact(bare);
    return Number.isFinite(value) || typeof value !== 'number' ? value : text;
  } catch {
    return text;
  }
}

function withoutMark(text: string): string {
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

const constant = /NaN|Infinity/;
const constants = /-?\b(?:NaN|Infinity)\b/g;

/** The value of a text that is JSON but for NaN and ±Infinity; undefined where it is none. */
function parsePython(text: string): unknown {
  if (!constant.test(text)) return undefined;
  const infinite = (found: string): string => (found.startsWith('-') ? '-1e999' : '1e999');
  const json = rewritten(text, (piece) => piece.replaceAll(constants, infinite));
  try {
    return parseExact(json);
  } catch {
    return undefined;
  }
}

/**
 * Counts before anything is parsed, also JSON a line.
 * @throws AppError `invalid_request` for a text with more values than memory should pay.
 */
export function refuseJsonBomb(text: string): void {
  if (text.length <= uncountedJsonLength) return;
  let containers = 0;
  let separators = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    // No text of JSON goes on in the next line.
    if (code === lineFeed) quoted = false;
    else if (code === quote) quoted = !quoted;
    else if (code === backslash && quoted) at += 1;
    else if (quoted) continue;
    else if (code === brace || code === bracket) containers += 1;
    else if (code === comma) separators += 1;
  }
  if (containers > maxJsonContainers) {
    throw new AppError('invalid_request', `The JSON has more than ${maxJsonContainers} arrays and objects.`);
  }
  if (containers + separators > maxJsonValues) {
    throw new AppError('invalid_request', `The JSON has more than ${maxJsonValues} values.`);
  }
}

const lineFeed = 0x0a;
const quote = 0x22;
const comma = 0x2c;
const backslash = 0x5c;
const brace = 0x7b;
const bracket = 0x5b;

/** Finding a fault parses up to twenty times. */
const maxSearchedLength = 1024 * 1024;

function faultOf(message: string, text: string): string {
  const stated = /^(.*) (?:in|after) JSON at position (\d+)/s.exec(message);
  if (stated !== null) return `${place(text, Number(stated[2]))}: ${stated[1]}`;
  if (!isEarlyFault(message)) return `${place(text, text.length)}: it ends too early`;
  if (text.length > maxSearchedLength) return 'somewhere';
  const at = firstFault(text);
  return `${place(text, at)}: unexpected ${JSON.stringify(text.charAt(at))}`;
}

/** The engine gives no position for an unexpected character, only a piece of the text around it. */
function isEarlyFault(message: string): boolean {
  return message.endsWith('is not valid JSON');
}

/** The shortest beginning that fails for a character, not for its end, ends with that character. */
function firstFault(text: string): number {
  let low = 1;
  let high = text.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (failsEarly(text.slice(0, middle))) high = middle;
    else low = middle + 1;
  }
  return low - 1;
}

function failsEarly(text: string): boolean {
  try {
    JSON.parse(text);
    return false;
  } catch (error) {
    return isEarlyFault(messageOf(error));
  }
}

function place(text: string, position: number): string {
  const before = text.slice(0, position).split('\n');
  return `at position ${position} (line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1})`;
}
