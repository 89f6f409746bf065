import type { Body, Evaluation, MinerResponse } from '../events/event.ts';
import type { Stamp } from '../events/stamp.ts';
import type { Json } from '../platform/json.ts';
import { maxReplacedBodies } from './limits.ts';

/** Statuses a request may set, lowest rank first; the last three stand beside the ranks. */
export const taskStatuses = [
  'pending',
  'assigned',
  'in_progress',
  'completed',
  'approved',
  'failed',
  'cancelled',
] as const;
export type TaskStatus = (typeof taskStatuses)[number];

/** Statuses of tasks that still take responses. */
export const openStatuses: readonly TaskStatus[] = ['pending', 'assigned', 'in_progress'];

/** Statuses of tasks that are over. */
export const finalStatuses = taskStatuses.filter((status) => !openStatuses.includes(status));

/** True for the stored status of a task that is over. */
export function isFinalStatus(status: unknown): boolean {
  return finalStatuses.some((known) => known === status);
}

/** A value and the stamp of the event that set it. */
export interface Stamped<Value> {
  value: Value;
  stamp: Stamp;
}

/** An answer is a response that a task holds, with where it came from, as its event says. */
export interface Answer extends Stamped<MinerResponse> {
  minerKey?: string | undefined;
  countsUnassigned?: true | undefined;
  /** Its content is erased; only that there was an answer is known, and when. */
  isErased?: true | undefined;
}

/** A validator's evaluation; `asStored` of one that another system put into the document, older than any event. */
export type HeldEvaluation = Stamped<Evaluation | { asStored: unknown }>;

/** The numbers that the earliest creation fixed. */
export interface Creation {
  stamp: Stamp;
  requiredMinerCount: number;
  minMinerCount: number;
  deadlineMs: number;
}

/**
 * The state of a task: all that its events amount to. Each part is a minimum or maximum by stamp, so events may be
 * merged in any order and any number of times; what readers see is derived from it and never counted up.
 */
export interface TaskState {
  taskId: string;
  /** Last writer wins, each field by itself. */
  fields: ReadonlyMap<string, Stamped<Json>>;
  /** Up to here the stamps of fields may be forgotten; undefined where none are. */
  fieldsFloor?: Stamp | undefined;
  creation?: Creation | undefined;
  /** First and last time each status was set by a request. */
  statuses: ReadonlyMap<TaskStatus, { first: Stamp; last: Stamp }>;
  /**
   * The earliest response for each miner that counts in any case, and the earliest that counts if
   * named, by {@link answerKey}.
   */
  responses: ReadonlyMap<string, Answer>;
  /** The latest evaluation of each validator, by uid. */
  evaluations: ReadonlyMap<string, HeldEvaluation>;
  /** The marks of answers that were, or are once they come, to be erased; of `erasure.ts`. */
  erased: ReadonlySet<string>;
  /** The time of the latest erasure, as long as it matters for how long the document is kept: {@link isOrphan}. */
  erasedAtMs?: number | undefined;
  /** The miners that any value of `assigned_miners` named. */
  named: ReadonlySet<number>;
  /** Somebody else made the document. */
  isAdopted?: boolean | undefined;
  /** The latest deadline that is known to have passed. */
  deadlinePassedMs?: number | undefined;
  /**
   * Body objects of responses and evaluations that others took the place of, the latest last; whoever did that may not
   * have deleted them.
   */
  replacedBodies?: readonly string[] | undefined;
}

/** A task of which nothing is known yet. */
export function emptyTask(taskId: string): TaskState {
  const nothing = { fields: new Map(), statuses: new Map(), responses: new Map(), evaluations: new Map() };
  return { taskId, ...nothing, erased: new Set(), named: new Set() };
}

/** True for the {@link emptyTask}: nothing is known, not even that somebody else made the document. */
export function isEmptyTask(state: TaskState): boolean {
  const { named, isAdopted, deadlinePassedMs } = state;
  return !taskExists(state) && named.size === 0 && !isAdopted && deadlinePassedMs === undefined;
}

/** True where there is anything to keep a document for. A deadline alone makes none. */
export function taskExists(state: TaskState): boolean {
  return isDescribed(state) || sizeOfGiven(state) > 0;
}

/** The number of answers, evaluations and marks of erased ones, which are kept also where nothing else is known. */
function sizeOfGiven({ responses, evaluations, erased }: TaskState): number {
  return responses.size + evaluations.size + erased.size;
}

/** True where anything but responses and evaluations is known that makes a task. */
function isDescribed({ creation, fields, statuses }: TaskState): boolean {
  return creation !== undefined || fields.size > 0 || statuses.size > 0;
}

type AnswerSource = Pick<Answer, 'minerKey' | 'countsUnassigned'>;

/** True for a response that counts whichever miners its task names, as a proxy's does. */
export function countsAlways({ minerKey, countsUnassigned }: AnswerSource): boolean {
  return minerKey === undefined || countsUnassigned === true;
}

/** The key of a response in a state: one that counts and one of the same miner that may not stand beside each other. */
export function answerKey(answer: AnswerSource & Pick<Answer, 'value'>): string {
  return `${countsAlways(answer) ? 'always' : 'if named'}/${answer.value.miner_uid}`;
}

/** True where answers of miners' keys and evaluations alone made this task: no proxy or other system knows it. */
export function isOrphan(state: TaskState): boolean {
  const { responses, evaluations, isAdopted } = state;
  if (isDescribed(state) || isAdopted || sizeOfGiven(state) === 0) return false;
  if ([...evaluations.values()].some(({ value }) => 'asStored' in value)) return false;
  return [...responses.values()].every(({ minerKey }) => minerKey !== undefined);
}

/** Notes in the state after `before` the bodies that it left behind in Cloud Storage. */
export function withReplacedBodies(state: TaskState, before: TaskState): TaskState {
  const present = bodiesOf(state);
  const replaced = [...bodiesOf(before)].filter((object) => !present.has(object));
  if (replaced.length === 0) return state;
  const noted = new Set([...(state.replacedBodies ?? []), ...replaced]);
  return { ...state, replacedBodies: [...noted].slice(-maxReplacedBodies) };
}

/** The objects that hold bodies of a task's responses and evaluations. */
export function bodiesOf({ responses, evaluations }: TaskState): Set<string> {
  const values: { body?: Body | undefined }[] = [
    ...[...responses.values()].map(({ value }) => value),
    ...[...evaluations.values()].flatMap(({ value }) => ('asStored' in value ? [] : value)),
  ];
  return new Set(values.flatMap(({ body }) => body?.object ?? []));
}
