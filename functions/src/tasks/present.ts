import type { Body } from '../events/event.ts';
import { weakEtag } from '../http/etag.ts';
import type { Fields } from '../platform/documents.ts';
import type { Json, JsonObject } from '../platform/json.ts';
import type { ObjectStore } from '../platform/objects.ts';
import { mapPool } from '../platform/pool.ts';
import { isMap, jsonFromFields, jsonOf } from '../platform/values.ts';
import { bodyReference, loadBodyObject } from '../staging/bodies.ts';
import { bodiesInFlight } from './limits.ts';
import { decodeMeta } from './meta.ts';
import { maxAnsweredBodyBytes } from './readLimits.ts';

/** Fields that only Sluice itself needs. */
const hiddenFields = new Set(['_sluice', 'feed_shard', 'superseded_responses']);

/**
 * A stored task as callers see it: dates as ISO 8601 in UTC, `miner_responses` and `evaluations` by uid. Where a body
 * is in Cloud Storage there is `response_body {bytes}` instead of `response_data`, and likewise of an evaluation.
 */
export function presentTask(taskId: string, fields: Fields): JsonObject {
  const task = presentWithReferences(taskId, fields);
  for (const part of partsOf(task)) hideReference(part);
  return task;
}

/**
 * As {@link presentTask}, with the bodies from Cloud Storage in their places, as far as `maxAnsweredBodyBytes` goes; a
 * body that is gone is null. Throws AppError `unavailable`, UnknownVersion.
 */
export async function presentWholeTask(
  taskId: string,
  fields: Fields,
  objects: Pick<ObjectStore, 'get'>,
): Promise<JsonObject> {
  // The fields of another version may mean something else.
  decodeMeta(fields['_sluice']);
  const task = presentWithReferences(taskId, fields);
  const stored = partsOf(task).filter((part) => bodyOf(part) !== undefined);
  let bytesLeft = maxAnsweredBodyBytes;
  const fetched = stored.filter((part) => {
    bytesLeft -= bodyOf(part)?.bytes ?? 0;
    return bytesLeft >= 0;
  });
  await mapPool(fetched, bodiesInFlight, async (part) => {
    const { fields, kind } = part;
    fields[`${kind}_data`] = (await loadBodyObject(bodyOf(part)?.object ?? '', objects)) ?? null;
    delete fields[`${kind}_body`];
  });
  for (const part of stored) hideReference(part);
  return task;
}

/** Names what a caller sees of a task; the same task written again unchanged has the same. */
export function etagOf({ written_at: _, ...task }: JsonObject): string {
  return weakEtag(JSON.stringify(task));
}

function presentWithReferences(taskId: string, fields: Fields): JsonObject {
  const { miner_responses: stored, evaluations, ...rest } = fields;
  const task = jsonFromFields(rest, (name) => !hiddenFields.has(name));
  const responses = Object.entries((stored ?? {}) as Record<string, Fields>);
  const shown = responses.map(([uid, response]) => [uid, jsonFromFields(response ?? {})]);
  return {
    ...task,
    task_id: taskId,
    miner_responses: Object.fromEntries(shown),
    ...(evaluations === undefined ? {} : { evaluations: presentEvaluations(evaluations) }),
  };
}

/** Evaluations as another system stored them may have any form. */
function presentEvaluations(stored: unknown): Json {
  if (!isMap(stored)) return jsonOf(stored);
  const shown = Object.entries(stored).map(([uid, evaluation]): [string, Json] => [
    uid,
    isMap(evaluation) ? jsonFromFields(evaluation) : jsonOf(evaluation),
  ]);
  return Object.fromEntries(shown);
}

/** A response or an evaluation of a task. */
interface Part {
  kind: 'response' | 'evaluation';
  fields: JsonObject;
}

function partsOf(task: JsonObject): Part[] {
  const partsIn = (kind: Part['kind'], parts: Json = {}): Part[] =>
    Object.values(parts ?? {}).flatMap((fields) =>
      isMap(fields) ? { kind, fields: fields as JsonObject } : [],
    );
  return [...partsIn('response', task['miner_responses']), ...partsIn('evaluation', task['evaluations'])];
}

function bodyOf({ kind, fields }: Part): Body | undefined {
  return bodyReference(fields[`${kind}_body`]);
}

function hideReference(part: Part): void {
  const body = bodyOf(part);
  if (body !== undefined) part.fields[`${part.kind}_body`] = { bytes: body.bytes };
}
