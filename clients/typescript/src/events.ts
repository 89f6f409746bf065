import { ConfigurationError } from './errors.ts';
import type { EventOptions, ResponseMembers, TaskChanges, TaskFields } from './types.ts';

/** An event as the object that its line of `POST /v1/events` holds. */
export type Event = Readonly<Record<string, unknown>>;

export function newId(): string {
  return crypto.randomUUID();
}

export function responseEvent(
  taskId: string,
  minerUid: number,
  responseData: unknown,
  members: ResponseMembers,
): Event {
  const data = responseData ?? null;
  return { type: 'response', task_id: taskId, miner_uid: minerUid, response_data: data, ...own(members) };
}

export function taskEvent(
  taskId: string,
  taskType: string,
  fields: TaskFields,
  options: EventOptions,
): Event {
  return { type: 'task', task_id: taskId, task_type: taskType, ...own(fields), ...waitOf(options) };
}

export function fieldsEvent(taskId: string, fields: TaskChanges, options: EventOptions): Event {
  return { type: 'fields', task_id: taskId, ...own(fields), ...waitOf(options) };
}

export function operationEvent(
  type: 'set' | 'update' | 'delete',
  path: string,
  data: Readonly<Record<string, unknown>> | undefined,
  options: EventOptions,
): Event {
  return { type, path, ...(data && { data }), ...waitOf(options) };
}

function waitOf({ visibility }: EventOptions): Event {
  return visibility === undefined || visibility === 'default' ? {} : { visibility };
}

function own(members: object): object {
  for (const name of ['type', 'stamp', 'task_id']) {
    if (name in members) throw new ConfigurationError(`A field cannot be named ${name} here.`);
  }
  return members;
}
