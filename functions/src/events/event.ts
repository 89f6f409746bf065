import { holdsBigint, type Json, type JsonObject } from '../platform/json.ts';
import type { Stamp } from './stamp.ts';

/**
 * The wait of a task's creation and fields for responses to join their write: `prompt` not at all, `default`
 * TASK_VISIBLE_SECONDS, `deferred` as long as responses do.
 */
export const visibilities = ['prompt', 'default', 'deferred'] as const;
export type Visibility = (typeof visibilities)[number];

/** A body too large for the task document, in Cloud Storage. */
export interface BodyReference {
  object: string;
  bytes: number;
}

/** A miner's answer, in the shape of its document field. Exactly one of `response_data` and `body` is there. */
export interface MinerResponse {
  miner_uid: number;
  response_data?: Json | undefined;
  body?: BodyReference | undefined;
  /** Milliseconds since the epoch, as the miner said, or when Sluice accepted it. */
  submitted_at_ms: number;
  processing_time: number;
  accuracy_score: number;
  speed_score: number;
  hotkey: string | null;
  status: string;
}

interface Exact {
  /** Some of its numbers are integers that a version which does not know this would alter. */
  exact?: true | undefined;
}

interface Addressed {
  taskId: string;
  stamp: Stamp;
}

/** A task came into being. Its `required_miner_count` and `min_miner_count` hold if no earlier creation is known. */
export interface TaskCreated extends Addressed, Exact {
  kind: 'created';
  fields: JsonObject;
  visibility: Visibility;
}

/** Some of a task's fields were set. */
export interface TaskPatched extends Addressed, Exact {
  kind: 'patched';
  fields: JsonObject;
  visibility: Visibility;
}

/** A miner answered. */
export interface ResponseReceived extends Addressed, Exact {
  kind: 'response';
  response: MinerResponse;
  /** The id of the key of role miner that sent it. A proxy or an operator did where there is none, or code older than this. */
  minerKey?: string | undefined;
  /** True where the answer counts although its task may name other miners. */
  countsUnassigned?: true | undefined;
}

/** A task's deadline passed; its stamp is the deadline. */
export interface DeadlinePassed extends Addressed {
  kind: 'deadline';
}

export type TaskEvent = TaskCreated | TaskPatched | ResponseReceived | DeadlinePassed;

export const operationTypes = ['set', 'update', 'delete'] as const;

/** An operation on a document of any kind, by its path. */
export interface OperationAccepted extends Exact {
  kind: 'operation';
  path: string;
  stamp: Stamp;
  type: (typeof operationTypes)[number];
  /** JSON, with `$timestamp` and `$bytes` for what it cannot hold. Of an update: by field path. A delete has none. */
  data?: JsonObject | undefined;
  /** True where the operation need not wait for others. */
  visibility?: 'prompt' | undefined;
  /** The id was made for it: most likely there is no such document yet, so that none need be read. */
  isNew?: true | undefined;
}

/** One accepted fact. Its target document and stamp identify it. */
export type Event = TaskEvent | OperationAccepted;

/** The event, marked where its integers are to be read exactly. */
export function marked<Kind extends Event>(event: Kind): Kind {
  return holdsBigint(event) ? { ...event, exact: true } : event;
}

/** The target of an event, as people call it: a task's id, or a document's path, which has a slash. */
export function targetOf(event: Event): string {
  return event.kind === 'operation' ? event.path : event.taskId;
}

/** An event's identity. */
export function eventKey(event: Event): string {
  return `${targetOf(event)}\n${event.stamp}`;
}
