import * as z from 'zod/mini';
import { marked, type OperationAccepted, operationTypes } from '../events/event.ts';
import { type Stamp, stampMs } from '../events/stamp.ts';
import { quoted } from '../http/fields.ts';
import { anyObject, expecting, members, oneOf, read } from '../http/schema.ts';
import { AppError } from '../platform/errors.ts';
import type { Json, JsonObject } from '../platform/json.ts';
import { once } from '../platform/once.ts';
import { fieldPath, namesOf } from './fieldPath.ts';
import { maxDocumentBytes } from './limits.ts';
import { checkDocumentPath } from './paths.ts';
import { metaField } from './state.ts';
import { FieldReader } from './submitValues.ts';
import { leastBytes } from './values.ts';

interface OperationContext {
  stamp: Stamp;
  isPrompt: boolean;
  /** The top collections that operations may write to; none named: all but Sluice's own. */
  collections: readonly string[];
}

/** A submitted operation. {@link FieldReader} says what its data may hold. */
export const operation = once(() =>
  members({
    type: oneOf(operationTypes),
    path: z.string(expecting('a text, collection/id')),
    data: z.optional(z.unknown()),
  }),
);

/**
 * Makes the event of a submitted operation.
 * @throws AppError `invalid_request`; `forbidden` for a path that operations may not write to; `payload_too_large` for
 * what no document can hold.
 */
export function operationEvent(submitted: unknown, context: OperationContext): OperationAccepted {
  const { type, path, data: given } = read(operation(), submitted, 'operation');
  checkDocumentPath(path, context.collections);
  const data = readData(type, given, new FieldReader(stampMs(context.stamp)));
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
  const fields = read(anyObject, data, 'data');
  return type === 'set' ? readSet(fields, reader) : readUpdate(fields, reader);
}

function readSet(data: Readonly<Record<string, unknown>>, reader: FieldReader): JsonObject {
  for (const name of Object.keys(data)) checkTopName(name);
  return reader.fields(data, 'data', 0);
}

/** Reads an update: values by field path, each path in its one form. */
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

/** Refuses paths of which one leads into what another leads to. */
function checkApart(places: readonly string[]): void {
  const all = new Set(places);
  for (const place of places) {
    const names = namesOf(place) ?? [];
    const outer = names.map((_, index) => fieldPath(names.slice(0, index))).find((around) => all.has(around));
    if (outer !== undefined) {
      throw new AppError('invalid_request', `data: ${quoted(place)} is a part of ${quoted(outer)}.`);
    }
  }
}

function checkTopName(name: string): void {
  if (name === metaField) throw new AppError('invalid_request', `data: ${metaField} is Sluice’s own field.`);
}
