/** The most that a request may hold, and so an event with its stamp. */
export const maxBodyBytes = 8 * 1024 * 1024;
const maxLineBytes = maxBodyBytes - 64;

/** A value that only documents have: JSON has no word for it. */
class Form {
  readonly json: string;

  constructor(name: string) {
    this.json = `{"${name}":true}`;
  }
}

/** The time at which the operation is accepted. */
export const SERVER_TIMESTAMP = new Form('$server_timestamp');
/** Takes the field of an update away. */
export const DELETE_FIELD = new Form('$delete');

/**
 * An event as a line of `POST /v1/events`, without its stamp.
 * @throws TypeError for what JSON cannot hold, RangeError for NaN, a time that is none, and more than 8 MiB.
 */
export function lineOf(event: Readonly<Record<string, unknown>>): string {
  const line = encode(event, 'path' in event);
  // A character has three bytes at most.
  const bytes = line.length * 3 > maxLineBytes ? new TextEncoder().encode(line).length : 0;
  if (bytes > maxLineBytes) {
    throw new RangeError(`An event may have ${maxLineBytes} bytes as JSON; this one has ${bytes}.`);
  }
  return line;
}

/** The line with its stamp, as it is sent. */
export function stamped(line: string, stamp: string): string {
  return `{"stamp":"${stamp}",${line.slice(1)}`;
}

/** JSON, where `JSON.stringify` would lose something in silence or not know a value. */
export function encode(value: unknown, isStored = false): string {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return JSON.stringify(value);
    case 'bigint':
      return String(value);
    case 'number':
      if (!Number.isFinite(value)) throw new RangeError(`${value} is no number of JSON.`);
      return JSON.stringify(value);
    case 'object':
      return value === null ? 'null' : encodeObject(value, isStored);
    default:
      throw new TypeError(`A ${typeof value} is no value of JSON; send text, numbers, lists and maps.`);
  }
}

function encodeObject(value: object, isStored: boolean): string {
  if (value instanceof Date) {
    return isStored ? `{"$timestamp":"${value.toISOString()}"}` : `"${value.toISOString()}"`;
  }
  if (isStored && value instanceof Uint8Array) return `{"$bytes":"${base64Of(value)}"}`;
  if (isStored && value instanceof Form) return value.json;
  if (Array.isArray(value)) return `[${Array.from(value, (item) => encode(item, isStored)).join()}]`;
  if ('toJSON' in value && typeof value.toJSON === 'function') return encode(value.toJSON(), isStored);
  if (value instanceof Form || Object.prototype.toString.call(value) !== '[object Object]') {
    throw new TypeError(
      `A ${value.constructor.name} cannot be sent here; send text, numbers, lists and maps.`,
    );
  }
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${encode(member, isStored)}`).join()}}`;
}

function base64Of(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  }
  return btoa(text);
}

/** The value of a JSON text; integers past 2^53 are bigints where the engine tells their digits. */
export function decode(text: string): unknown {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  const exact = (_: string, value: unknown, context?: { source?: string }): unknown => {
    const isInexact = typeof value === 'number' && !Number.isSafeInteger(value);
    return isInexact && /^-?\d+$/.test(context?.source ?? '') ? BigInt(context?.source ?? 0) : value;
  };
  return JSON.parse(text, exact);
}
