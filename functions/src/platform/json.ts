/** What JSON can hold. A bigint is an integer that a number would alter. */
export type Json = string | number | bigint | boolean | null | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** How deep a JSON value nests: 0 for a scalar, 1 for a flat array or object. Stops counting past `limit`. */
export function jsonDepth(value: unknown, limit: number): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (limit <= 0) return 1;
  let deepest = 0;
  for (const child of Object.values(value)) {
    deepest = Math.max(deepest, jsonDepth(child, limit - 1));
    if (deepest >= limit) break;
  }
  return deepest + 1;
}

/** The engine has these, the compiler's library not yet (https://github.com/tc39/proposal-json-parse-with-source). */
interface ExactJson {
  rawJSON(text: string): object;
  parse(
    text: string,
    revive: (key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown;
}
const exactJson = JSON as unknown as ExactJson;

// Wherever JSON is written, a bigint is its digits; without this it would throw there.
Object.defineProperty(BigInt.prototype, 'toJSON', {
  value(this: bigint): object {
    return exactJson.rawJSON(String(this));
  },
});

/** An integer of 16 digits or more where one may stand, or what looks like one in a text. */
const longInteger = /(?:^|[[,:\s-])\d{16,}(?![\d.eE])/;
const integer = /^-?\d+$/;

/** Whether an integer is one that Firestore's can hold. */
export function isInt64(value: bigint): boolean {
  return BigInt.asIntN(64, value) === value;
}

/**
 * As JSON.parse, but integers that a number would alter are bigints.
 * @throws SyntaxError
 */
export function parseExact(text: string): unknown {
  return parseIntegers(text, () => true);
}

/**
 * What was written with JSON.stringify. Past int64 there are numbers alone, which are written with all their digits.
 * @throws SyntaxError
 */
export function parseWritten(text: string): Json {
  return parseIntegers(text, isInt64) as Json;
}

function parseIntegers(text: string, isWanted: (value: bigint) => boolean): unknown {
  if (!longInteger.test(text)) return JSON.parse(text);
  return exactJson.parse(text, (_key, value, { source = '' }) => {
    // With more digits than a number has room for it is infinite, and no bigint that takes long to make.
    if (typeof value !== 'number' || Number.isSafeInteger(value) || !Number.isFinite(value)) return value;
    if (!integer.test(source)) return value;
    const exact = BigInt(source);
    return isWanted(exact) ? exact : value;
  });
}

/** Whether a bigint is in a value. */
export function holdsBigint(value: unknown): boolean {
  if (typeof value === 'bigint') return true;
  return typeof value === 'object' && value !== null && Object.values(value).some(holdsBigint);
}
