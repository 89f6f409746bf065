import { isUtf8 } from 'node:buffer';
import { AppError } from '../platform/errors.ts';
import { quoted } from './fields.ts';
import { fromHeader, nameInDisposition, parametersOf } from './headerParameters.ts';
import { maxFormFields } from './limits.ts';
import type { ApiRequest } from './route.ts';

/** One part of a multipart form; `bytes` is a view of the body, not a copy. */
interface Part {
  name: string;
  /** The name that a file has; undefined for a text. */
  fileName: string | undefined;
  contentType: string | undefined;
  bytes: Buffer;
}

const lineEnd = '\r\n';
const maxBoundaryLength = 200;
const maxPartHeaderBytes = 8 * 1024;

/** A form's one file and its texts by name. */
interface FileForm {
  file: Part;
  fields: Readonly<Record<string, string>>;
}

/**
 * Reads the form of an upload.
 * @throws AppError `invalid_request` where there is not exactly one file, or a field is there twice or no UTF-8.
 */
export function readFileForm(request: ApiRequest, fileField?: string): FileForm {
  const parts = partsOf(request);
  const files = parts.filter(({ fileName }) => fileName !== undefined);
  const [file] = files;
  if (file === undefined || files.length > 1 || (fileField !== undefined && file.name !== fileField)) {
    const wanted = fileField === undefined ? 'one file' : `one file, named ${fileField}`;
    throw new AppError('invalid_request', `Expected ${wanted} in the form; there are ${files.length}.`);
  }
  const texts = parts.filter((part) => part !== file);
  return { file, fields: uniqueFields(texts.map((part) => [part.name, textOf(part)])) };
}

/** Reads the form whose parts are all texts. @throws AppError `invalid_request` */
export function readTexts(request: ApiRequest): [string, string][] {
  return partsOf(request).map((part) => {
    if (part.fileName === undefined) return [part.name, textOf(part)];
    throw new AppError('invalid_request', `${part.name.slice(0, 64)} is a file, not a text.`);
  });
}

function partsOf(request: ApiRequest): Part[] {
  return readParts(request.body, request.header('content-type') ?? '');
}

/** The values by the fields' names. @throws AppError `invalid_request` where a field is there twice. */
export function uniqueFields(entries: readonly [string, string][]): Record<string, string> {
  const fields = new Map(entries);
  if (fields.size < entries.length) throw new AppError('invalid_request', 'A form field is there twice.');
  return Object.fromEntries(fields);
}

/**
 * The parts of a `multipart/form-data` body (https://www.rfc-editor.org/rfc/rfc7578). The platform's own parser, and
 * those that work on streams, copy what they find; here a file of 30 MiB stays where it is.
 * @throws AppError `invalid_request`
 */
export function readParts(body: Buffer, contentType: string): Part[] {
  const boundary = parametersOf(contentType).get('boundary') ?? '';
  if (boundary === '' || boundary.length > maxBoundaryLength)
    throw malformed('its Content-Type has no boundary');
  const separator = Buffer.from(`${lineEnd}--${boundary}`, 'latin1');
  const parts: Part[] = [];
  let at = startOf(body, separator);
  while (!startsWith(body, at, '--')) {
    if (!startsWith(body, at, lineEnd)) throw malformed('a boundary is not followed by the end of its line');
    if (parts.length === maxFormFields) throw malformed(`it has more than ${maxFormFields} parts`);
    const end = body.indexOf(separator, at);
    if (end === -1) throw malformed('it ends early');
    parts.push(partOf(body.subarray(at + lineEnd.length, end)));
    at = end + separator.length;
  }
  return parts;
}

/** Right behind the first boundary; the line end before it is missing where nothing is before it. */
function startOf(body: Buffer, separator: Buffer): number {
  const bare = separator.subarray(lineEnd.length);
  if (body.subarray(0, bare.length).equals(bare)) return bare.length;
  const at = body.indexOf(separator);
  if (at === -1) throw malformed('there is no boundary in it');
  return at + separator.length;
}

function partOf(bytes: Buffer): Part {
  const isBare = startsWith(bytes, 0, lineEnd);
  const headersEnd = isBare ? 0 : bytes.indexOf(lineEnd + lineEnd);
  if (headersEnd === -1 || headersEnd > maxPartHeaderBytes)
    throw malformed('a part has no end of its headers');
  const headers = new Map(
    bytes
      .toString('latin1', 0, headersEnd)
      .split(lineEnd)
      .map((line): [string, string] => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
      }),
  );
  const disposition = headers.get('content-disposition');
  const name = parametersOf(disposition ?? '').get('name');
  if (disposition === undefined || name === undefined) throw malformed('a part has no name');
  return {
    name: fromHeader(name),
    fileName: nameInDisposition(disposition),
    contentType: headers.get('content-type'),
    bytes: bytes.subarray(headersEnd + (isBare ? lineEnd.length : 2 * lineEnd.length)),
  };
}

function startsWith(bytes: Buffer, at: number, text: string): boolean {
  return bytes.toString('latin1', at, at + text.length) === text;
}

function malformed(why: string): AppError {
  return new AppError('invalid_request', `Malformed multipart form: ${why}.`);
}

/** The text in a part that is no file. @throws AppError `invalid_request` */
function textOf({ name, bytes }: Part): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  throw new AppError('invalid_request', `The field ${quoted(name)} is not UTF-8.`);
}
