import { type Fields, ttlField } from '../platform/documents.ts';
import type { JsonObject } from '../platform/json.ts';
import { presentTask } from './present.ts';
import { openStatuses, type TaskStatus } from './state.ts';
import { storedResponses } from './storedAnswers.ts';

/** An open task, as much of it as miners need. */
export interface OpenTask {
  taskId: string;
  status: TaskStatus;
  createdAt: string;
  assigned: ReadonlySet<number>;
  answered: ReadonlySet<number>;
  /** As {@link presentTask}, without what is only of use to others. */
  view: JsonObject;
  /** About what it takes in memory, and in an answer. */
  bytes: number;
}

/** Fields of no use to a miner, and as large as all its competitors' answers. */
const leftOut = new Set(['miner_responses', 'evaluations', 'best_response', 'assigned_miners', ttlField]);

/** The open task of a stored document, or undefined when that task is over. */
export function openTaskOf(taskId: string, fields: Fields): OpenTask | undefined {
  const status = openStatuses.find((open) => open === fields['status']);
  if (status === undefined) return undefined;
  const { view, assigned, bytes } = minerViewOf(taskId, fields);
  const answered = new Set(answeredUids(fields['miner_responses']));
  return {
    taskId,
    status,
    createdAt: String(view['created_at'] ?? ''),
    assigned,
    answered,
    view,
    bytes: bytes + answered.size * uidBytes,
  };
}

/** A stored task as miners see it, each with no response but its own. */
export function minerViewOf(
  taskId: string,
  fields: Fields,
): Pick<OpenTask, 'view' | 'assigned' | 'bytes'> & { responses: JsonObject } {
  const task = presentTask(taskId, fields);
  const view = Object.fromEntries(Object.entries(task).filter(([name]) => !leftOut.has(name)));
  const { input_text: text, source_language = null, target_language = null } = view;
  if (typeof text === 'string') view['input_text'] = { text, source_language, target_language };
  const assigned = new Set(uidsOf(fields['assigned_miners']));
  const bytes = JSON.stringify(view).length + taskBytes + assigned.size * uidBytes;
  return { view, assigned, bytes, responses: task['miner_responses'] as JsonObject };
}

const taskBytes = 500;
const uidBytes = 40;

/** The miners whose answers count. */
function answeredUids(responses: unknown): number[] {
  return storedResponses(responses).flatMap(([uid, { counted }]) => (counted === false ? [] : [Number(uid)]));
}

function uidsOf(value: unknown): number[] {
  return Array.isArray(value) ? value.map(Number) : [];
}
