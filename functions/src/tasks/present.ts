import type { MinerResponse } from '../events/event.ts';
import { weakEtag } from '../http/etag.ts';
import type { Fields } from '../platform/documents.ts';
import type { JsonObject } from '../platform/json.ts';
import type { ObjectStore } from '../platform/objects.ts';
import { mapPool } from '../platform/pool.ts';
import { jsonFromFields } from '../platform/values.ts';
import { bodyReference, loadBodyObject } from '../staging/bodies.ts';
import { bodiesInFlight } from './limits.ts';
import { decodeMeta } from './meta.ts';
import { maxAnsweredBodyBytes } from './readLimits.ts';

/** Fields that only Sluice itself needs. */
const hiddenFields = new Set(['_sluice', 'feed_shard', 'superseded_responses']);

/**
 * A stored task as callers see it: dates as ISO 8601 in UTC, `miner_responses` by uid. A response whose body is in
 * Cloud Storage has `response_body {bytes}` instead of `response_data`.
 */
export function presentTask(taskId: string, fields: Fields): JsonObject {
  const task = presentWithReferences(taskId, fields);
  for (const response of responsesOf(task)) hideReference(response);
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
  const stored = responsesOf(task).filter((response) => bodyOf(response) !== undefined);
  let bytesLeft = maxAnsweredBodyBytes;
  const fetched = stored.filter((response) => {
    bytesLeft -= bodyOf(response)?.bytes ?? 0;
    return bytesLeft >= 0;
  });
  await mapPool(fetched, bodiesInFlight, async (response) => {
    response['response_data'] = (await loadBodyObject(bodyOf(response)?.object ?? '', objects)) ?? null;
    delete response['response_body'];
  });
  for (const response of stored) hideReference(response);
  return task;
}

/** Names what a caller sees of a task; the same task written again unchanged has the same. */
export function etagOf({ written_at: _, ...task }: JsonObject): string {
  return weakEtag(JSON.stringify(task));
}

function presentWithReferences(taskId: string, fields: Fields): JsonObject {
  const { miner_responses: stored, ...rest } = fields;
  const task = jsonFromFields(rest, (name) => !hiddenFields.has(name));
  const responses = Object.entries((stored ?? {}) as Record<string, Fields>);
  const shown = responses.map(([uid, response]) => [uid, jsonFromFields(response ?? {})]);
  return { ...task, task_id: taskId, miner_responses: Object.fromEntries(shown) };
}

function responsesOf(task: JsonObject): JsonObject[] {
  return Object.values((task['miner_responses'] ?? {}) as Record<string, JsonObject>);
}

function bodyOf(response: JsonObject): MinerResponse['body'] {
  return bodyReference(response['response_body']);
}

function hideReference(response: JsonObject): void {
  const body = bodyOf(response);
  if (body !== undefined) response['response_body'] = { bytes: body.bytes };
}
