import { AppError } from '../platform/errors.ts';
import { checkCount } from './batch.ts';
import { parseJson, refuseJsonBomb, utf8Text } from './json.ts';
import { maxFormFields } from './limits.ts';
import { readTexts, uniqueFields } from './multipart.ts';
import type { ApiRequest, Content } from './route.ts';
import { anyObject, read } from './schema.ts';

/** A line of a body. */
export interface BodyLine {
  index: number;
  text: string;
}

const ndjsonTypes = ['application/x-ndjson', 'application/ndjson', 'application/jsonl'];
const formTypes = ['application/x-www-form-urlencoded', 'multipart/form-data'];

/**
 * The body's JSON. A body without a content type counts as JSON.
 * @throws AppError `unsupported_media_type`, `invalid_request`.
 */
export function readJson(request: ApiRequest, accepted = 'application/json'): unknown {
  const type = mediaType(request);
  if (type !== '' && !isJson(type)) {
    throw new AppError('unsupported_media_type', `Send ${accepted}, not ${type}.`);
  }
  return parseJson(utf8Text(request.body));
}

/** True where the body says that it is newline-delimited JSON. */
export function isNdjson(request: ApiRequest): boolean {
  return ndjsonTypes.includes(mediaType(request));
}

/**
 * The lines of an NDJSON body that are not blank, at most so many; a line's index is its number less one.
 * @throws AppError `invalid_request`; `payload_too_large` for more.
 */
export function ndjsonLines(request: ApiRequest, name: string, most: number): BodyLine[] {
  const lines: BodyLine[] = [];
  const body = utf8Text(request.body);
  refuseJsonBomb(body);
  for (let index = 0, from = 0; from < body.length; index += 1) {
    const feed = body.indexOf('\n', from);
    const end = feed === -1 ? body.length : feed;
    const text = body.slice(from, end);
    if (text.trim() !== '') checkCount(lines.push({ index, text }), name, most);
    from = end + 1;
  }
  return lines;
}

/** The bodies that {@link readFields} reads: this content in each of their types. */
export function formOrJson(content: Content): Record<string, Content> {
  return Object.fromEntries([...formTypes, 'application/json'].map((type) => [type, content]));
}

/**
 * The fields of a urlencoded or multipart form, or of a JSON object.
 * @throws AppError `unsupported_media_type`, `invalid_request`.
 */
export function readFields(request: ApiRequest): Readonly<Record<string, unknown>> {
  const type = mediaType(request);
  if (!formTypes.includes(type)) return read(anyObject, readJson(request, 'a form or application/json'));
  const isMultipart = type === 'multipart/form-data';
  return uniqueFields(isMultipart ? readTexts(request) : urlencoded(utf8Text(withSpaces(request.body))));
}

/** The media type that the body says it has, in lower case; empty where it says none. */
export function mediaType(request: ApiRequest): string {
  return (request.header('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

function isJson(type: string): boolean {
  return type === 'application/json' || (type.startsWith('application/') && type.endsWith('+json'));
}

/** Stricter than URLSearchParams, which takes broken escapes for text and replaces what is no UTF-8. */
function urlencoded(text: string): [string, string][] {
  const pairs = text.split('&', maxFormFields + 1);
  if (pairs.length > maxFormFields) {
    throw new AppError('invalid_request', `The form has more than ${maxFormFields} fields.`);
  }
  try {
    return pairs
      .filter((pair) => pair !== '')
      .map((pair) => {
        const equals = pair.indexOf('=');
        return equals === -1
          ? [decodeURIComponent(pair), '']
          : [decodeURIComponent(pair.slice(0, equals)), decodeURIComponent(pair.slice(equals + 1))];
      });
  } catch (cause) {
    throw new AppError('invalid_request', 'Malformed form: a percent sign encodes nothing, or no UTF-8.', {
      cause,
    });
  }
}

const plus = 0x2b;
const space = 0x20;

/** A form with its pluses as the spaces that they stand for: in a text, millions take seconds to replace. */
function withSpaces(form: Buffer): Buffer {
  const bytes = Buffer.from(form);
  for (let at = 0; at < bytes.length; at += 1) if (bytes[at] === plus) bytes[at] = space;
  return bytes;
}
