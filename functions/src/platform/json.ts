/** Values that JSON can hold. A bigint is an integer that a number would alter. */
export type Json = string | number | bigint | boolean | null | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** Parses the JSON in some bytes; undefined where there is none. */
export function parsedJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** The engine has it, the compiler's library not yet (https://github.com/tc39/proposal-json-parse-with-source). */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): object };

// Wherever JSON is written, a bigint is its digits; without this it would throw there.
Object.defineProperty(BigInt.prototype, 'toJSON', {
  value(this: bigint): object {
    return rawJSON(String(this));
  },
  configurable: true,
  writable: true,
});

/** True for an integer that Firestore's can hold. */
export function isInt64(value: bigint): boolean {
  return BigInt.asIntN(64, value) === value;
}

/** True for a value with a bigint in it. */
export function holdsBigint(value: unknown): boolean {
  if (typeof value === 'bigint') return true;
  if (typeof value !== 'object' || value === null) return false;
  return (Array.isArray(value) ? value : Object.values(value)).some(holdsBigint);
}

/** As JSON.parse, with its SyntaxError, but integers that a number would alter are bigints. */
export function parseExact(text: string): unknown {
  return parseIntegers(text, () => true);
}

/** The same of what JSON.stringify wrote: past int64 there are numbers alone, which it writes with all their digits. */
export function parseWritten(text: string): Json {
  return parseIntegers(text, isInt64) as Json;
}

/** An integer of 16 digits or more where one may stand, or what looks like one in a text. */
const longInteger = /(?:^|[[,:\s-])\d{16,}(?![\d.eE])/;
const longIntegers = /(?<![\d.eE+-])-?[1-9]\d{15,}(?![\d.eE])/g;

/** A long integer becomes a text that begins with NUL: a reviver of the engine's takes forty times as long. */
function parseIntegers(text: string, isWanted: (value: bigint) => boolean): unknown {
  if (!longInteger.test(text)) return JSON.parse(text);
  const withTexts = rewritten(
    text,
    (piece) => piece.replaceAll(longIntegers, `"${nul}i$&"`),
    (found, end) => (found.startsWith(`"${nul}`) && !isKey(text, end) ? `"${nul}t${found.slice(1)}` : found),
  );
  try {
    return restored(JSON.parse(withTexts), isWanted, maxRestoredDepth);
  } catch {
    // For the fault's place in the text as it came.
    return JSON.parse(text);
  }
}

/** NUL as JSON writes it: in no other way. */
const nul = '\\u0000';

function isKey(text: string, end: number): boolean {
  return /^\s*:/.test(text.slice(end));
}

/**
 * A JSON text with other pieces between its texts and, if you like, other texts; one that lacks its end reaches to the
 * end of it all. By hand, since a pattern for texts runs out of stack in one with a million escapes.
 */
export function rewritten(
  json: string,
  between: (piece: string) => string,
  text: (text: string, end: number) => string = (same) => same,
): string {
  const pieces: string[] = [];
  let copied = 0;
  const put = (start: number, end: number, write: (piece: string, end: number) => string): void => {
    const piece = json.slice(start, end);
    const written = write(piece, end);
    if (written === piece) return;
    pieces.push(json.slice(copied, start), written);
    copied = end;
  };
  for (let at = 0; at < json.length; ) {
    const quote = json.indexOf('"', at);
    const start = quote === -1 ? json.length : quote;
    if (start - at > 2) put(at, start, between);
    at = endOfText(json, start);
    put(start, at, text);
  }
  return pieces.join('') + json.slice(copied);
}

/** Behind the quote that ends the text which begins here. */
function endOfText(json: string, start: number): number {
  for (let end = json.indexOf('"', start + 1); end !== -1; end = json.indexOf('"', end + 1)) {
    let slashes = 0;
    while (json.charAt(end - 1 - slashes) === '\\') slashes += 1;
    if (slashes % 2 === 0) return end + 1;
  }
  return json.length;
}

/** No reader takes what nests as deep; recursion must end. */
const maxRestoredDepth = 100;

function restored(value: unknown, isWanted: (value: bigint) => boolean, depthLeft: number): unknown {
  if (typeof value === 'string') {
    if (value.charCodeAt(0) !== 0) return value;
    return value.charAt(1) === 'i' ? integerOf(value.slice(2), isWanted) : value.slice(2);
  }
  if (typeof value !== 'object' || value === null || depthLeft === 0) return value;
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at += 1) {
      const child: unknown = value[at];
      if (typeof child !== 'number') value[at] = restored(child, isWanted, depthLeft - 1);
    }
    return value;
  }
  const members = value as Record<string, unknown>;
  for (const name of Object.keys(members)) members[name] = restored(members[name], isWanted, depthLeft - 1);
  return value;
}

function integerOf(digits: string, isWanted: (value: bigint) => boolean): number | bigint {
  const number = Number(digits);
  // With more digits than a number has room for it is infinite, and no bigint that takes long to make.
  if (Number.isSafeInteger(number) || !Number.isFinite(number)) return number;
  const exact = BigInt(digits);
  return isWanted(exact) ? exact : number;
}
