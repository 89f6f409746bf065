import type { ResponseReceived, TaskCreated, TaskPatched, Visibility } from '../events/event.ts';
import { type Stamp, stampMs } from '../events/stamp.ts';
import {
  expected,
  quoted,
  readJsonValue,
  readOptionalText,
  readScore,
  readText,
  readTimeMs,
} from '../http/fields.ts';
import { refuseJsonBomb } from '../http/json.ts';
import { AppError } from '../platform/errors.ts';
import type { Json } from '../platform/json.ts';
import { readMinerUid, readTaskId } from './submitFields.ts';
import { maxTextLength } from './submitLimits.ts';
import { readTaskFields } from './submitTaskFields.ts';

export type Fields = Readonly<Record<string, unknown>>;

/** How a response was written. */
export interface ResponseForm {
  /** Numbers may come as text, and the data as JSON text: forms, and existing miners' JSON. */
  texts: boolean;
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
export function responseEvent(fields: Fields, stamp: Stamp, { texts }: ResponseForm): ResponseReceived {
  const unknown = texts ? undefined : Object.keys(fields).find((name) => !responseFields.has(name));
  if (unknown !== undefined) {
    throw new AppError('invalid_request', `Unknown field ${quoted(unknown)}: put it into response_data.`);
  }
  return {
    kind: 'response',
    taskId: readTaskId(fields['task_id']),
    stamp,
    response: {
      miner_uid: readMinerUid(fields['miner_uid'], texts),
      response_data: readResponseData(fields['response_data'], texts),
      submitted_at_ms: readTimeMs(fields['submitted_at'], 'submitted_at', stampMs(stamp)),
      processing_time: readScore(fields['processing_time'], 'processing_time', texts),
      accuracy_score: readScore(fields['accuracy_score'], 'accuracy_score', texts),
      speed_score: readScore(fields['speed_score'], 'speed_score', texts),
      hotkey: readOptionalText(fields['hotkey'], 'hotkey', 128) ?? null,
      status: readOptionalText(fields['status'], 'status', 64) ?? 'completed',
    },
  };
}

/**
 * The result of a text or document translation, which existing miners send in fields of its own, as an event.
 * @throws AppError `invalid_request`.
 */
export function translationEvent(fields: Fields, stamp: Stamp): ResponseReceived {
  const { metadata } = fields;
  const data: Record<string, unknown> = {
    translated_text: readText(fields['translated_text'], 'translated_text', maxTextLength),
    source_language: readOptionalText(fields['source_language'], 'source_language', 64) ?? null,
    target_language: readOptionalText(fields['target_language'], 'target_language', 64) ?? null,
    processing_time: readScore(fields['processing_time'], 'processing_time', true),
  };
  if (metadata !== undefined && metadata !== null && metadata !== '') data['metadata'] = fromText(metadata);
  return responseEvent({ ...fields, response_data: data }, stamp, { texts: true });
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
  if (fields['task_type'] === undefined) throw expected('task_type', 'a text', undefined);
  const taskId = task_id === undefined || task_id === null ? options.newId() : readTaskId(task_id);
  return { kind: 'created', taskId, stamp, fields: readTaskFields(fields, 'creation'), visibility };
}

/**
 * Submitted fields of a task as an event.
 * @throws AppError `invalid_request`.
 */
export function patchedEvent(
  taskId: string,
  fields: Fields,
  { stamp, visibility }: { stamp: Stamp; visibility: Visibility },
): TaskPatched {
  if (Object.keys(fields).length === 0) throw new AppError('invalid_request', 'There is no field to set.');
  return {
    kind: 'patched',
    taskId: readTaskId(taskId),
    stamp,
    fields: readTaskFields(fields, 'change'),
    visibility,
  };
}

function readResponseData(value: unknown, texts: boolean): Json {
  const data = texts ? fromText(value) : value;
  if (data === undefined || data === null || (texts && data === '')) {
    throw expected('response_data', 'a JSON value', data);
  }
  return readJsonValue(data, 'response_data');
}

/** The value of a text that is JSON; any other text, such as Python's str(dict), stays one. */
function fromText(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  if (/^\s*[[{]/.test(value)) refuseJsonBomb(value);
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
