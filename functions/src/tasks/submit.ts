import * as z from 'zod/mini';
import { marked, type ResponseReceived } from '../events/event.ts';
import { type Stamp, stampMs } from '../events/stamp.ts';
import { isEmpty } from '../http/fields.ts';
import { jsonOrText } from '../http/json.ts';
import type { Reading } from '../http/reading.ts';
import {
  expecting,
  finite,
  finiteOrText,
  members,
  optional,
  prepared,
  read,
  type Schema,
  someMembers,
  text,
  time,
  withDefault,
} from '../http/schema.ts';
import type { Json, JsonObject } from '../platform/json.ts';
import { once } from '../platform/once.ts';
import { maxTextLength, minerUid, minerUidOrText, taskId } from './submitFields.ts';

/** Fields as a caller gave them, not checked yet. */
export type Submitted = Readonly<Record<string, unknown>>;

function responseMembers(miner_uid: Schema<number>, response_data: Schema, number: Schema<number>) {
  const score = optional(number);
  return {
    task_id: taskId(),
    miner_uid,
    response_data,
    submitted_at: optional(time()),
    processing_time: score,
    accuracy_score: score,
    speed_score: score,
    hotkey: optional(text(128)),
    status: withDefault(text(64), 'completed'),
  };
}

const data = () => z.custom((value) => value !== undefined && value !== null, expecting('a JSON value'));

function strictResponse(number: Schema<number>) {
  // Existing miners send two members that the task document has no place for.
  const unused = z.optional(z.unknown());
  const all = { ...responseMembers(minerUid(), data(), number), coldkey_address: unused, network: unused };
  return members(all, { hint: 'put it into response_data' });
}

/** A submitted response; of a miner's key, whose scores may come as text. */
export const response = once(() => strictResponse(finite));
const minersResponse = once(() => strictResponse(finiteOrText()));

/** A response of an existing miner: numbers may come as text, the data as JSON text, and more members beside them. */
export const textResponse = once(() =>
  someMembers(responseMembers(minerUidOrText(), dataOrText(), finiteOrText())),
);

/** A JSON value or its text; other text is kept as it is. */
export function dataOrText(): Schema {
  return prepared((value) => (value === '' ? undefined : fromText(value)), data());
}

/** Fields that a miner's answer goes without where they are wrong. */
const dispensable = new Set<unknown>(['submitted_at', 'processing_time', 'accuracy_score', 'speed_score']);

/** The form in which a response was written. */
interface ResponseForm {
  /** As existing miners do: {@link textResponse}. */
  texts: boolean;
  reading: Reading;
}

/**
 * A submitted response as an event.
 * @throws AppError `invalid_request`.
 */
export function responseEvent(
  fields: Submitted,
  stamp: Stamp,
  { texts, reading }: ResponseForm,
): ResponseReceived {
  const schema = texts ? textResponse : reading.isLenient ? minersResponse : response;
  const given = reading.read(schema(), fields, dispensable);
  const { accuracy_score, speed_score, processing_time } = given;
  return marked({
    kind: 'response',
    taskId: given.task_id,
    stamp,
    response: {
      miner_uid: given.miner_uid,
      response_data: reading.json(given.response_data, 'response_data'),
      submitted_at_ms: given.submitted_at ?? stampMs(stamp),
      processing_time: reading.clamped(processing_time, 'processing_time', Infinity),
      accuracy_score: reading.clamped(accuracy_score, 'accuracy_score', 1),
      speed_score: reading.clamped(speed_score, 'speed_score', 1),
      hotkey: given.hotkey ?? null,
      status: given.status,
    },
  });
}

/** Members that a translation has of its own; the rest is as in a response. */
export const translation = once(() =>
  z.object({
    translated_text: text(maxTextLength),
    source_language: optional(text(64)),
    target_language: optional(text(64)),
  }),
);

/**
 * The result of a text or document translation, which existing miners send in fields of its own, as an event.
 * @throws AppError `invalid_request`.
 */
export function translationEvent(fields: Submitted, stamp: Stamp, reading: Reading): ResponseReceived {
  const { metadata } = fields;
  const { translated_text, source_language = null, target_language = null } = read(translation(), fields);
  const data: JsonObject = { translated_text, source_language, target_language, processing_time: 0 };
  if (!isEmpty(metadata)) data['metadata'] = fromText(metadata) as Json;
  const event = responseEvent({ ...fields, response_data: data }, stamp, { texts: true, reading });
  data['processing_time'] = event.response.processing_time;
  return event;
}

function fromText(value: unknown): unknown {
  return typeof value === 'string' ? jsonOrText(value) : value;
}
