import { marked, type OperationAccepted, operationTypes } from '../events/event.ts';
import { type Stamp, stampMs } from '../events/stamp.ts';
import { isObject } from '../http/body.ts';
import { expected, quoted } from '../http/fields.ts';
import { AppError } from '../platform/errors.ts';
import type { Json, JsonObject } from '../platform/json.ts';
import { fieldPath, namesOf } from './fieldPath.ts';
import { maxDocumentBytes } from './limits.ts';
import { metaField } from './names.ts';
import { checkDocumentPath } from './paths.ts';
import { FieldReader } from './submitValues.ts';
import { leastBytes } from './values.ts';

export interface OperationContext {
  stamp: Stamp;
  isPrompt: boolean;
  /** The top collections that operations may write to; none named: all but Sluice's own. */
  collections: readonly string[];
}

const members = new Set(['type', 'path', 'data']);

/**
 * A submitted operation as an event.
 * @throws AppError `invalid_request`; `forbidden` for a path that operations may not write to; `payload_too_large` for what
 * no document can hold.
 */
export function operationEvent(submitted: unknown, context: OperationContext): OperationAccepted {
  if (!isObject(submitted)) throw new AppError('invalid_request', 'An operation is a JSON object.');
  const unknown = Object.keys(submitted).find((name) => !members.has(name));
  if (unknown !== undefined) {
    throw new AppError('invalid_request', `Unknown field ${quoted(unknown)}: there are type, path and data.`);
  }
  const type = operationTypes.find((known) => known === submitted['type']);
  if (type === undefined) throw expected('type', `one of ${operationTypes.join(', ')}`, submitted['type']);
  const path = checkDocumentPath(submitted['path'], context.collections);
  const data = readData(type, submitted['data'], new FieldReader(stampMs(context.stamp)));
  const bytes = data === undefined ? 0 : leastBytes(type, path, data);
  if (bytes > maxDocumentBytes) {
    throw new AppError(
      'payload_too_large',
      `The document would have ${bytes} bytes; at most ${maxDocumentBytes} are stored.`,
    );
  }
  const { stamp, isPrompt } = context;
  return marked({
    kind: 'operation',
    path,
    stamp,
    type,
    ...(data === undefined ? {} : { data }),
    ...(isPrompt ? { visibility: 'prompt' } : {}),
  });
}

function readData(
  type: OperationAccepted['type'],
  data: unknown,
  reader: FieldReader,
): JsonObject | undefined {
  if (type === 'delete') {
    if (data !== undefined && data !== null) throw new AppError('invalid_request', 'A delete has no data.');
    return undefined;
  }
  if (!isObject(data)) throw expected('data', 'an object', data);
  return type === 'set' ? readSet(data, reader) : readUpdate(data, reader);
}

function readSet(data: Readonly<Record<string, unknown>>, reader: FieldReader): JsonObject {
  for (const name of Object.keys(data)) checkTopName(name);
  return reader.fields(data, 'data', 0);
}

/** By field path, each in its one form. */
function readUpdate(data: Readonly<Record<string, unknown>>, reader: FieldReader): JsonObject {
  const places = new Map<string, Json>();
  for (const [path, value] of Object.entries(data)) {
    const names = namesOf(path);
    if (names === undefined) {
      throw new AppError(
        'invalid_request',
        `data: ${quoted(path)} is no field path; names stand between dots, those with a dot in backticks.`,
      );
    }
    checkTopName(names[0] ?? '');
    const place = fieldPath(names);
    if (places.has(place)) throw new AppError('invalid_request', `data: ${quoted(path)} is there twice.`);
    places.set(place, reader.place(names, value));
  }
  if (places.size === 0) throw new AppError('invalid_request', 'data: there is no field to update.');
  checkApart([...places.keys()]);
  return Object.fromEntries(places);
}

/** What one path leads to must not be a part of what another does. */
function checkApart(places: readonly string[]): void {
  const all = new Set(places);
  for (const place of places) {
    const names = namesOf(place) ?? [];
    const outer = names.map((_, index) => fieldPath(names.slice(0, index))).find((each) => all.has(each));
    if (outer !== undefined) {
      throw new AppError('invalid_request', `data: ${quoted(place)} is a part of ${quoted(outer)}.`);
    }
  }
}

function checkTopName(name: string): void {
  if (name === metaField) throw new AppError('invalid_request', `data: ${metaField} is Sluice’s own field.`);
}
