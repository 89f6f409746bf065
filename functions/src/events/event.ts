import type { Json, JsonObject } from '../platform/json.ts';
import type { Stamp } from './stamp.ts';

/**
 * How long a task's creation and fields wait for responses to join their write: `prompt` not at all, `default`
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

interface Addressed {
  taskId: string;
  stamp: Stamp;
}

/** A task came into being. Its `required_miner_count` and `min_miner_count` hold if no earlier creation is known. */
export interface TaskCreated extends Addressed {
  kind: 'created';
  fields: JsonObject;
  visibility: Visibility;
}

/** Some of a task's fields were set. */
export interface TaskPatched extends Addressed {
  kind: 'patched';
  fields: JsonObject;
  visibility: Visibility;
}

/** A miner answered. */
export interface ResponseReceived extends Addressed {
  kind: 'response';
  response: MinerResponse;
}

/** A task's deadline passed; its stamp is the deadline. */
export interface DeadlinePassed extends Addressed {
  kind: 'deadline';
}

export type TaskEvent = TaskCreated | TaskPatched | ResponseReceived | DeadlinePassed;

/** One accepted fact. Its target document and stamp identify it. */
export type Event = TaskEvent;

/** The document an event is about, and with the stamp its identity. */
export function eventKey(event: Event): string {
  return `${event.taskId}\n${event.stamp}`;
}
