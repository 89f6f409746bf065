import {
  marked,
  type ResponseReceived,
  type TaskCreated,
  type TaskPatched,
  type Visibility,
} from '../events/event.ts';
import { type Stamp, stampMs } from '../events/stamp.ts';
import {
  expected,
  isEmpty,
  quoted,
  readOptionalText,
  readScore,
  readText,
  readTimeMs,
} from '../http/fields.ts';
import { jsonOrText } from '../http/json.ts';
import type { Reading } from '../http/reading.ts';
import { AppError } from '../platform/errors.ts';
import type { Json, JsonObject } from '../platform/json.ts';
import { readMinerUid, readTaskId } from './submitFields.ts';
import { maxTextLength } from './submitLimits.ts';
import { readTaskFields } from './submitTaskFields.ts';

export type Fields = Readonly<Record<string, unknown>>;

/** How a response was written. */
export interface ResponseForm {
  /** Numbers may come as text, and the data as JSON text: forms, and existing miners' JSON. */
  texts: boolean;
  reading: Reading;
}

const responseFields = new Set([
  'task_id',
  'miner_uid',
  'response_data',
  'submitted_at',
  'processing_time',
  'accuracy_score',
  'speed_score',
  'hotkey',
  'status',
  // Existing miners send these; the task document has no place for them.
  'coldkey_address',
  'network',
]);

/**
 * A submitted response as an event, with `status` completed where it says none.
 * @throws AppError `invalid_request`.
 */
export function responseEvent(fields: Fields, stamp: Stamp, form: ResponseForm): ResponseReceived {
  const { texts, reading } = form;
  const unknown = texts ? undefined : Object.keys(fields).find((name) => !responseFields.has(name));
  if (unknown !== undefined) {
    throw new AppError('invalid_request', `Unknown field ${quoted(unknown)}: put it into response_data.`);
  }
  const score = { ...form, most: 1 };
  return marked({
    kind: 'response',
    taskId: readTaskId(fields['task_id']),
    stamp,
    response: {
      miner_uid: readMinerUid(fields['miner_uid'], texts),
      response_data: readResponseData(fields['response_data'], form),
      submitted_at_ms: readTimeMs(fields['submitted_at'], 'submitted_at', stampMs(stamp), reading),
      processing_time: readScore(fields['processing_time'], 'processing_time', { ...form, most: Infinity }),
      accuracy_score: readScore(fields['accuracy_score'], 'accuracy_score', score),
      speed_score: readScore(fields['speed_score'], 'speed_score', score),
      hotkey: readOptionalText(fields['hotkey'], 'hotkey', 128) ?? null,
      status: readOptionalText(fields['status'], 'status', 64) ?? 'completed',
    },
  });
}

/**
 * The result of a text or document translation, which existing miners send in fields of its own, as an event.
 * @throws AppError `invalid_request`.
 */
export function translationEvent(fields: Fields, stamp: Stamp, reading: Reading): ResponseReceived {
  const { metadata } = fields;
  const data: JsonObject = {
    translated_text: readText(fields['translated_text'], 'translated_text', maxTextLength),
    source_language: readOptionalText(fields['source_language'], 'source_language', 64) ?? null,
    target_language: readOptionalText(fields['target_language'], 'target_language', 64) ?? null,
    processing_time: 0,
  };
  if (!isEmpty(metadata)) data['metadata'] = fromText(metadata) as Json;
  const event = responseEvent({ ...fields, response_data: data }, stamp, { texts: true, reading });
  data['processing_time'] = event.response.processing_time;
  return event;
}

/**
 * A submitted task as an event; `newId` names it where it has no id.
 * @throws AppError `invalid_request`.
 */
export function createdEvent(
  submitted: Fields,
  options: { stamp: Stamp; visibility: Visibility; newId: () => string },
): TaskCreated {
  const { task_id, ...fields } = submitted;
  const { stamp, visibility } = options;
  if (isEmpty(fields['task_type'])) throw expected('task_type', 'a text', fields['task_type']);
  const taskId = isEmpty(task_id) ? options.newId() : readTaskId(task_id);
  return marked({ kind: 'created', taskId, stamp, fields: readTaskFields(fields, 'creation'), visibility });
}

/**
 * Submitted fields of a task as an event; its own id may be among them.
 * @throws AppError `invalid_request`.
 */
export function patchedEvent(
  taskId: string,
  { task_id, ...fields }: Fields,
  { stamp, visibility }: { stamp: Stamp; visibility: Visibility },
): TaskPatched {
  if (!isEmpty(task_id) && task_id !== taskId)
    throw expected('task_id', `${quoted(taskId)} as in the path`, task_id);
  if (Object.keys(fields).length === 0) throw new AppError('invalid_request', 'There is no field to set.');
  return marked({
    kind: 'patched',
    taskId: readTaskId(taskId),
    stamp,
    fields: readTaskFields(fields, 'change'),
    visibility,
  });
}

function readResponseData(value: unknown, { texts, reading }: ResponseForm): Json {
  const data = texts ? fromText(value) : value;
  if (data === undefined || data === null || (texts && data === '')) {
    throw expected('response_data', 'a JSON value', data);
  }
  return reading.json(data, 'response_data');
}

function fromText(value: unknown): unknown {
  return typeof value === 'string' ? jsonOrText(value) : value;
}
