import { isDeepStrictEqual } from 'node:util';
import { earliestStamp, laterOf, type Stamp, stampMs } from '../events/stamp.ts';
import { append } from '../platform/arrays.ts';
import {
  type DocumentSet,
  type Fields,
  type ReadDocument,
  removed,
  serverTime,
  ttlField,
} from '../platform/documents.ts';
import type { Json } from '../platform/json.ts';
import { once } from '../platform/once.ts';
import { fieldForJson, isMap, jsonFromFields, otherFormOf } from '../platform/values.ts';
import { adoptedMeta } from './adoption.ts';
import { answersOf, type CountedAnswer, countedAnswers, namedMiners } from './answers.ts';
import { storedErasures } from './erasure.ts';
import { evaluationFields, evaluationStamps, latestEvaluation, storedEvaluations } from './evaluations.ts';
import { feedShards, maxFieldStamps, orphanMs } from './limits.ts';
import { decodeMeta, encodeMeta, type TaskMeta } from './meta.ts';
import { outcomeOf } from './outcome.ts';
import { withNamed } from './reducer.ts';
import { answerKey, emptyTask, isOrphan, type Stamped, type TaskState, type TaskStatus } from './state.ts';
import {
  adoptedAnswer,
  answerStamps,
  responseFields,
  shownFields,
  storedAnswers,
  uidOf,
} from './storedAnswers.ts';

/** Fields that Sluice derives; what else a document holds is a task field or not Sluice's. */
const derivedFields = once(
  () =>
    new Set([
      ...Object.keys(taskDocument(emptyTask(''), { retentionMs: 0 })),
      'superseded_responses',
      'evaluations',
      'written_at',
      ttlField,
      // The name that earlier versions gave to the TTL field.
      'expires_at',
    ]),
);

export const tasksCollection = 'tasks';

export function taskIdOf({ path }: Pick<ReadDocument, 'path'>): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

export function taskPath(taskId: string): string {
  return `${tasksCollection}/${taskId}`;
}

export interface ProjectionOptions {
  /** Milliseconds after its last change at which a task may be deleted; 0 keeps it. */
  retentionMs: number;
}

/** Makes the document of a state: everything in it but `written_at`. */
export function taskDocument(state: TaskState, { retentionMs }: ProjectionOptions): Fields {
  const outcome = outcomeOf(state);
  const held = withoutErased(state);
  const answers = answersOf(held);
  const counted = countedAnswers(held);
  const superseded = answers.filter((answer) => answer.superseded !== undefined);
  const updatedMs = updatedAtMs(state, outcome.decidedByDeadlineMs);
  const document: Fields = {
    task_id: state.taskId,
    status: outcome.status,
    required_miner_count: state.creation?.requiredMinerCount ?? null,
    min_miner_count: state.creation?.minMinerCount ?? null,
    response_count: counted.length,
    first_response_at: dateOf(counted[0]?.countsFrom),
    best_response: bestResponse(counted),
    completed_at: outcome.completedAtMs === null ? null : new Date(outcome.completedAtMs),
    completion_reason: outcome.completionReason,
    distributed_at: dateOf(state.statuses.get('assigned')?.first),
    created_at: dateOf(state.creation?.stamp),
    updated_at: new Date(updatedMs),
    feed_shard: feedShardOf(state.taskId),
    miner_responses: Object.fromEntries(answers.map((answer) => [uidOf(answer), shownFields(answer)])),
    _sluice: encodeMeta(metaOf(state, outcome.isDecided && outcome.decidedByDeadlineMs === null)),
  };
  if (superseded.length > 0) {
    document['superseded_responses'] = Object.fromEntries(
      superseded.map((answer) => [uidOf(answer), responseFields(answer.superseded ?? answer)]),
    );
  }
  const evaluations = evaluationFields(state);
  if (evaluations !== undefined) document['evaluations'] = evaluations;
  const ownRetentionMs = retentionOf(state, retentionMs);
  if (ownRetentionMs > 0) document[ttlField] = new Date(updatedMs + ownRetentionMs);
  for (const [name, { value }] of state.fields) Object.assign(document, fieldForJson(name, value));
  return document;
}

/** The state with the answers that readers may see. */
function withoutErased(state: TaskState): TaskState {
  if (state.erased.size === 0) return state;
  return { ...state, responses: new Map([...state.responses].filter(([, { isErased }]) => !isErased)) };
}

/** Milliseconds after its last change for which a task is kept; 0: for good. */
export function retentionOf(state: TaskState, retentionMs: number): number {
  if (!isOrphan(state)) return retentionMs;
  return retentionMs > 0 ? Math.min(retentionMs, orphanMs) : orphanMs;
}

/**
 * The changes that lead from one document of a task to another, or none when they are the same. Fields that are not
 * Sluice's, and responses as another system stored them, stay as they are.
 */
export function documentChanges(before: Fields, after: Fields): DocumentSet['changes'] {
  const changes: DocumentSet['changes'] = [];
  for (const [name, value] of Object.entries(after)) {
    if (isMapOfParts(name) && isMap(before[name])) {
      append(changes, partChanges(name, before[name], value as Fields));
    } else if (!isDeepStrictEqual(before[name], value)) changes.push({ path: [name], value });
  }
  for (const name of Object.keys(before)) {
    if (!Object.hasOwn(after, name) && isReplaced(name, after))
      changes.push({ path: [name], value: removed });
  }
  if (changes.length > 0) changes.push({ path: ['written_at'], value: serverTime });
  return changes;
}

/** The fields of a stored document that are not Sluice's: they stay beside the document that Sluice makes. */
export function foreignFields(before: Fields, after: Fields): Fields {
  return Object.fromEntries(
    Object.entries(before).filter(
      ([name]) => !Object.hasOwn(after, name) && name !== 'written_at' && !isReplaced(name, after),
    ),
  );
}

function isReplaced(name: string, after: Fields): boolean {
  return name === ttlField || name === 'superseded_responses' || Object.hasOwn(after, otherFormOf(name));
}

/** True for fields that hold a part of each miner or validator, which are written by themselves. */
function isMapOfParts(name: string): boolean {
  return derivedFields().has(name) && (name.endsWith('_responses') || name === 'evaluations');
}

function partChanges(name: string, before: Fields, after: Fields): DocumentSet['changes'] {
  const changed = Object.entries(after).filter(
    ([uid, value]) =>
      !isDeepStrictEqual(before[uid], value) && !isDeepStrictEqual(normalized(uid, before[uid]), value),
  );
  const gone = Object.keys(before).filter((uid) => !(uid in after));
  return [
    ...changed.map(([uid, value]) => ({ path: [name, uid], value })),
    ...gone.map((uid) => ({ path: [name, uid], value: removed })),
  ];
}

/** A response that another system stored, as Sluice would have stored it. */
function normalized(uid: string, stored: unknown): Fields | undefined {
  if (!isMap(stored) || 'counted' in stored) return undefined;
  return responseFields(adoptedAnswer(uid, stored));
}

/** Reads the state that a stored document holds; one without Sluice's field is adopted as older than any event. */
export function taskState(taskId: string, document: Fields, timeoutMs: number): TaskState {
  const meta = decodeMeta(document['_sluice']) ?? adoptedMeta(document, timeoutMs);
  const fields = new Map<string, Stamped<Json>>();
  for (const [name, value] of Object.entries(
    jsonFromFields(document, (field) => !derivedFields().has(field)),
  )) {
    const stamp = meta.fields[name];
    // Another system's field may be called as what every object has.
    if (stamp !== undefined && Object.hasOwn(meta.fields, name)) fields.set(name, { value, stamp });
  }
  const assigned = fields.get('assigned_miners')?.value;
  return {
    taskId,
    fields,
    fieldsFloor: meta.fieldsFloor,
    creation: meta.creation,
    statuses: new Map(Object.entries(meta.statuses) as [TaskStatus, { first: Stamp; last: Stamp }][]),
    responses: new Map(storedAnswers(document, meta).map((answer) => [answerKey(answer), answer])),
    evaluations: new Map(storedEvaluations(document, meta)),
    erased: new Set(meta.erased?.marks),
    erasedAtMs: meta.erased?.atMs,
    named: withNamed(new Set(meta.onceNamed), assigned ?? []),
    isAdopted: meta.isAdopted,
    deadlinePassedMs: meta.deadlinePassedMs,
    replacedBodies: meta.replacedBodies,
  };
}

function metaOf(state: TaskState, isDecidedByResponses: boolean): TaskMeta {
  const assigned = new Set(namedMiners(state.fields.get('assigned_miners')?.value));
  const onceNamed = [...state.named].filter((uid) => !assigned.has(uid));
  return {
    creation: state.creation,
    statuses: Object.fromEntries(state.statuses),
    ...fieldStamps(state),
    ...answerStamps(state),
    evaluations: evaluationStamps(state),
    erased: storedErasures(
      state.erased,
      state.responses.values(),
      isOrphan(state) ? state.erasedAtMs : undefined,
    ),
    onceNamed: onceNamed.length > 0 ? onceNamed.sort((a, b) => a - b) : undefined,
    // It matters only where the document would else be taken for one that miners alone made.
    isAdopted: state.isAdopted && isOrphan({ ...state, isAdopted: false }) ? true : undefined,
    // A deadline changes nothing for a task that its responses completed, so it is not worth a write there.
    deadlinePassedMs: isDecidedByResponses ? undefined : state.deadlinePassedMs,
    replacedBodies: state.replacedBodies,
  };
}

/** The stamps of the fields, but for the oldest of too many, up to which there is then a floor. */
function fieldStamps({ fields, fieldsFloor }: TaskState): Pick<TaskMeta, 'fields' | 'fieldsFloor'> {
  const stamps = [...fields].map(([name, { stamp }]) => [name, stamp] as const);
  if (stamps.length <= maxFieldStamps) return { fields: Object.fromEntries(stamps), fieldsFloor };
  stamps.sort(([, a], [, b]) => (a < b ? 1 : -1));
  const floor = stamps[maxFieldStamps]?.[1] ?? earliestStamp;
  // Which answers count depends on one of them.
  const latest = stamps.filter(([name, stamp]) => stamp > floor || name === 'assigned_miners');
  return { fields: Object.fromEntries(latest), fieldsFloor: floor };
}

function dateOf(stamp: Stamp | undefined): Date | null {
  return stamp === undefined ? null : new Date(stampMs(stamp));
}

function bestResponse(responses: readonly CountedAnswer[]): Fields | null {
  // Equal ones stay in their order, the earliest first.
  const [best] = responses
    .map(({ value }) => value)
    .sort((a, b) => b.accuracy_score - a.accuracy_score || b.speed_score - a.speed_score);
  return best === undefined ? null : { miner_uid: best.miner_uid, score: best.accuracy_score };
}

function updatedAtMs(state: TaskState, decidedByDeadlineMs: number | null): number {
  let newest = laterOf(state.creation?.stamp, latestEvaluation(state)) ?? earliestStamp;
  for (const { stamp } of [...state.fields.values(), ...state.responses.values()]) {
    if (stamp > newest) newest = stamp;
  }
  for (const { last } of state.statuses.values()) if (last > newest) newest = last;
  const erasedAtMs = isOrphan(state) ? (state.erasedAtMs ?? 0) : 0;
  return Math.max(stampMs(newest), decidedByDeadlineMs ?? 0, erasedAtMs);
}

/** The range of the feed that a task is in: a hash of its id, so that writes spread. */
function feedShardOf(taskId: string): number {
  let hash = 0;
  for (let i = 0; i < taskId.length; i += 1) hash = (Math.imul(hash, 31) + taskId.charCodeAt(i)) | 0;
  return (hash >>> 0) % feedShards;
}
