import { invalidArgument } from './errors.ts';
import { maxDepth, maxDocumentBytes, maxFieldNameBytes, maxFieldValueBytes } from './limits.ts';
import { utf8Bytes } from './strings.ts';
import type { Fields, Value } from './values.ts';

const reservedName = /^__.*__$/s;
const documentOverheadBytes = 32;

/** The size of a document's name; an empty path is that of no document. */
export function nameBytes(path: string): number {
  let bytes = 16;
  if (path === '') return bytes;
  for (const id of path.split('/')) bytes += utf8Bytes(id) + 1;
  return bytes;
}

function referenceBytes(name: string): number {
  return nameBytes(name.split('/').slice(5).join('/'));
}

function checkFieldName(name: string): void {
  if (name === '' || (name.startsWith('__') && reservedName.test(name))) {
    throw invalidArgument(`Field name "${name.slice(0, 60)}" is empty or reserved.`);
  }
  if (name.length > maxFieldNameBytes / 3 && utf8Bytes(name) > maxFieldNameBytes) {
    throw invalidArgument(`Field name "${name.slice(0, 60)}…" is longer than ${maxFieldNameBytes} bytes.`);
  }
}

function checkDepth(depth: number): void {
  if (depth > maxDepth) {
    throw invalidArgument(`Property contains an invalid nested entity: more than ${maxDepth} levels.`);
  }
}

function checkedValueBytes(bytes: number): number {
  if (bytes > maxFieldValueBytes)
    throw invalidArgument(`A property value is longer than ${maxFieldValueBytes} bytes.`);
  return bytes;
}

function arrayBytes(values: readonly Value[], depth: number): number {
  checkDepth(depth);
  let bytes = 0;
  for (const value of values) {
    if (value.kind === 'array') throw invalidArgument('Cannot convert an array value in an array value.');
    bytes += valueBytes(value, depth);
  }
  return bytes;
}

/** The size of a value; `depth` is how many maps and lists it lies in. */
export function valueBytes(value: Value, depth = 0): number {
  switch (value.kind) {
    case 'null':
    case 'boolean':
      return 1;
    case 'integer':
    case 'double':
    case 'timestamp':
      return 8;
    case 'string':
      return checkedValueBytes(utf8Bytes(value.value)) + 1;
    case 'bytes':
      return checkedValueBytes(value.value.length);
    case 'reference':
      return referenceBytes(value.value);
    case 'geoPoint':
      return 16;
    case 'vector':
      return 8 * value.values.length;
    case 'array':
      return arrayBytes(value.values, depth + 1);
    case 'map':
      return fieldsBytes(value.fields, depth + 1);
  }
}

function fieldsBytes(fields: Fields, depth: number): number {
  checkDepth(depth);
  let bytes = 0;
  for (const [name, value] of fields) {
    checkFieldName(name);
    bytes += utf8Bytes(name) + 1 + valueBytes(value, depth);
  }
  return bytes;
}

/**
 * The size in bytes at which a document is billed and limited.
 * @throws StatusError INVALID_ARGUMENT when it may not be stored: too large or too deep, a reserved or empty field
 * name, an array directly in an array.
 */
export function checkedDocumentBytes(path: string, fields: Fields): number {
  const bytes = nameBytes(path) + documentOverheadBytes + fieldsBytes(fields, 0);
  if (bytes > maxDocumentBytes) {
    throw invalidArgument(
      `Document "${path}" cannot be written because its size (${bytes} bytes) exceeds the maximum allowed size of ${maxDocumentBytes} bytes.`,
    );
  }
  return bytes;
}
