import type { TaskEvent } from '../../functions/src/events/event.ts';
import type { Fields } from '../../functions/src/platform/documents.ts';
import type { JsonObject } from '../../functions/src/platform/json.ts';
import { deadlineToBook } from '../../functions/src/tasks/deadlines.ts';
import { documentChanges, taskDocument, taskState } from '../../functions/src/tasks/document.ts';
import { presentTask } from '../../functions/src/tasks/present.ts';
import { reduceTask } from '../../functions/src/tasks/reducer.ts';
import { emptyTask, taskExists } from '../../functions/src/tasks/state.ts';
import { startMs } from './clock.ts';
import { applyChanges } from './documents.ts';

export const timeoutMs = 3_600_000;
const options = { retentionMs: 86_400_000 };

/** The document that a flush of these events leaves, where a task's document was `stored` (undefined: none). */
export function stored(
  taskId: string,
  document: Fields | undefined,
  events: readonly TaskEvent[],
): Fields | undefined {
  const before = document === undefined ? emptyTask(taskId) : taskState(taskId, document, timeoutMs);
  const { state } = reduceTask(before, events, timeoutMs);
  if (!taskExists(state)) return document;
  const changes = documentChanges(document ?? {}, taskDocument(state, options));
  return changes.length === 0 ? document : applyChanges(document ?? {}, changes, new Date(startMs));
}

/** Does as {@link stored}, with the deadline that a flusher then books. */
function flushed(
  taskId: string,
  document: Fields | undefined,
  events: readonly TaskEvent[],
): { document: Fields | undefined; booked: TaskEvent[] } {
  const after = stored(taskId, document, events);
  const state = after && taskState(taskId, after, timeoutMs);
  const booked = state && deadlineToBook(events, state);
  return { document: after, booked: booked === undefined ? [] : [booked] };
}

/** The document once these groups and all deadlines that they lead to were flushed. */
export function storedAfter(
  taskId: string,
  groups: readonly (readonly TaskEvent[])[],
  deadlines: 'at once' | 'last',
): Fields | undefined {
  let document: Fields | undefined;
  const pending: (readonly TaskEvent[])[] = [...groups];
  for (let group = pending.shift(); group !== undefined; group = pending.shift()) {
    const { document: after, booked } = flushed(taskId, document, group);
    document = after;
    if (booked.length === 0) continue;
    if (deadlines === 'last') pending.push(booked);
    else pending.unshift(booked);
  }
  return document;
}

/** A reader's view after these events, without when it was written. */
export function shown(taskId: string, document: Fields | undefined): JsonObject | undefined {
  if (document === undefined) return undefined;
  const { written_at: _, ...task } = presentTask(taskId, document);
  return task;
}

/** A reader's view of a task whose events came all at once. */
export function shownAfter(...events: TaskEvent[]): JsonObject {
  const taskId = events[0]?.taskId ?? '';
  return shown(taskId, stored(taskId, undefined, events)) ?? {};
}
