import type {
  ResponseReceived,
  TaskCreated,
  TaskEvaluated,
  TaskEvent,
  TaskPatched,
} from '../events/event.ts';
import { type Stamp, stampMs } from '../events/stamp.ts';
import type { Json, JsonObject } from '../platform/json.ts';
import { answersByStamp, namedMiners } from './answers.ts';
import { eraseAnswers, isMarked, markOf } from './erasure.ts';
import { applyEvaluation, takeEvaluationOverflow } from './evaluations.ts';
import {
  defaultMinMinerCount,
  defaultRequiredMinerCount,
  maxNamedMiners,
  maxReplacedBodies,
  maxResponsesPerTask,
} from './limits.ts';
import {
  type Answer,
  answerKey,
  type Creation,
  countsAlways,
  type HeldEvaluation,
  type Stamped,
  type TaskState,
  type TaskStatus,
  taskStatuses,
} from './state.ts';

/** Fields of a creation that are not kept like other fields. */
export const specialFields: ReadonlySet<string> = new Set([
  'task_id',
  'status',
  'required_miner_count',
  'min_miner_count',
]);

export interface Reduction {
  state: TaskState;
  /** Responses that have no place among the earliest {@link maxResponsesPerTask} of their kind. */
  overflow: ResponseReceived[];
  /** Evaluations that are too many. */
  evaluationOverflow: TaskEvaluated[];
  /** Events with fields of which nobody can tell any more whether a later value came before. */
  undecidable: (TaskCreated | TaskPatched)[];
}

/**
 * Merges events into a task's state. Order, repetition and grouping of the events do not matter.
 * `timeoutMs`: how long after its creation a task's deadline is.
 */
export function reduceTask(state: TaskState, events: readonly TaskEvent[], timeoutMs: number): Reduction {
  const draft: Draft = {
    ...state,
    fields: new Map(state.fields),
    statuses: new Map(state.statuses),
    responses: new Map(state.responses),
    evaluations: new Map(state.evaluations),
    erased: new Set(state.erased),
    named: new Set(state.named),
  };
  for (const event of events) apply(draft, event, timeoutMs);
  noteErased(draft, events);
  const undecidable = events
    .filter((event) => event.kind === 'created' || event.kind === 'patched')
    .filter((event) => !areJudged(draft, event));
  const evaluationOverflow = takeEvaluationOverflow(draft.taskId, draft.evaluations);
  return { state: draft, overflow: takeOverflow(draft), evaluationOverflow, undecidable };
}

/**
 * Erases what the marks mean, and notes the bodies that go with it, those of answers that came too late to be kept
 * among them.
 */
function noteErased(draft: Draft, events: readonly TaskEvent[]): void {
  const lost = events.flatMap((event) => {
    const isLost = event.kind === 'response' && isMarked(event.response, draft.erased);
    return isLost ? (event.response.body?.object ?? []) : [];
  });
  const bodies = [...eraseAnswers(draft.responses, draft.erased), ...lost];
  if (bodies.length === 0) return;
  const noted = new Set([...(draft.replacedBodies ?? []), ...bodies]);
  draft.replacedBodies = [...noted].slice(-maxReplacedBodies);
}

/** True where each of an event's fields was set, or is beaten by a later value. */
function areJudged({ fields, fieldsFloor = '' }: Draft, event: TaskCreated | TaskPatched): boolean {
  if (event.stamp >= fieldsFloor) return true;
  return Object.keys(event.fields).every((name) => specialFields.has(name) || fields.has(name));
}

interface Draft extends TaskState {
  fields: Map<string, Stamped<Json>>;
  statuses: Map<TaskStatus, { first: Stamp; last: Stamp }>;
  responses: Map<string, Answer>;
  evaluations: Map<string, HeldEvaluation>;
  erased: Set<string>;
  named: Set<number>;
}

function apply(draft: Draft, event: TaskEvent, timeoutMs: number): void {
  switch (event.kind) {
    case 'created':
      applyCreation(draft, event, timeoutMs);
      applyFields(draft, event);
      break;
    case 'patched':
      applyFields(draft, event);
      break;
    case 'response':
      applyResponse(draft, event);
      break;
    case 'evaluated':
      applyEvaluation(draft.evaluations, event);
      break;
    case 'erased':
      draft.erased.add(markOf(event));
      draft.erasedAtMs = Math.max(draft.erasedAtMs ?? 0, stampMs(event.stamp));
      break;
    case 'deadline':
      draft.deadlinePassedMs = Math.max(draft.deadlinePassedMs ?? 0, stampMs(event.stamp));
      break;
  }
}

function applyCreation(draft: Draft, event: TaskCreated, timeoutMs: number): void {
  if (draft.creation !== undefined && draft.creation.stamp <= event.stamp) return;
  draft.creation = creationOf(event.stamp, event.fields, timeoutMs);
}

/** The numbers that a creation with these fields, at this stamp, fixes. */
export function creationOf(stamp: Stamp, fields: JsonObject, timeoutMs: number): Creation {
  const requiredMinerCount = countOf(fields['required_miner_count']) ?? defaultRequiredMinerCount;
  const minMinerCount =
    countOf(fields['min_miner_count']) ?? Math.min(defaultMinMinerCount, requiredMinerCount);
  return { stamp, requiredMinerCount, minMinerCount, deadlineMs: stampMs(stamp) + timeoutMs };
}

function countOf(value: Json | undefined): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : undefined;
}

function applyFields(draft: Draft, event: TaskCreated | TaskPatched): void {
  for (const [name, value] of Object.entries(event.fields)) {
    if (name === 'status') applyStatus(draft, value, event.stamp);
    if (name === 'assigned_miners') draft.named = withNamed(draft.named, value);
    if (specialFields.has(name)) continue;
    const present = draft.fields.get(name);
    // The field may have a later stamp, which is forgotten; the floor's own event was applied.
    if (present === undefined && event.stamp <= (draft.fieldsFloor ?? '')) continue;
    if (present === undefined || present.stamp < event.stamp)
      draft.fields.set(name, { value, stamp: event.stamp });
  }
}

function applyStatus(draft: Draft, value: Json, stamp: Stamp): void {
  const status = taskStatuses.find((known) => known === value);
  if (status === undefined) return;
  const present = draft.statuses.get(status);
  draft.statuses.set(status, {
    first: present !== undefined && present.first < stamp ? present.first : stamp,
    last: present !== undefined && present.last > stamp ? present.last : stamp,
  });
}

/**
 * Adds the miners that a value of `assigned_miners` names; of too many the lowest uids stay, in
 * whatever order they are named.
 */
export function withNamed(named: ReadonlySet<number>, assignedMiners: Json): Set<number> {
  const all = new Set([...named, ...namedMiners(assignedMiners)]);
  if (all.size <= maxNamedMiners) return all;
  return new Set([...all].sort((a, b) => a - b).slice(0, maxNamedMiners));
}

function applyResponse(draft: Draft, event: ResponseReceived): void {
  const { response: value, stamp, minerKey, countsUnassigned } = event;
  const answer: Answer = {
    value,
    stamp,
    ...(minerKey === undefined ? {} : { minerKey }),
    ...(countsUnassigned === undefined ? {} : { countsUnassigned }),
  };
  const key = answerKey(answer);
  const present = draft.responses.get(key);
  if (present === undefined || stamp < present.stamp) draft.responses.set(key, answer);
}

/**
 * Answers of proxies and for miners that were ever named share places that no other key of a miner can take; the others
 * have as many of their own.
 */
function takeOverflow(draft: Draft): ResponseReceived[] {
  if (draft.responses.size <= maxResponsesPerTask) return [];
  const isOwn = (answer: Answer): boolean => countsAlways(answer) || draft.named.has(answer.value.miner_uid);
  const all = answersByStamp(draft);
  const own = all.filter(isOwn).slice(maxResponsesPerTask);
  const others = all.filter((answer) => !isOwn(answer)).slice(maxResponsesPerTask);
  return [...own, ...others].flatMap(({ value, isErased, ...source }) => {
    draft.responses.delete(answerKey({ value, ...source }));
    return isErased ? [] : [{ kind: 'response', taskId: draft.taskId, ...source, response: value }];
  });
}
