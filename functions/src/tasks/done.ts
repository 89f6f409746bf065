import type { TaskEvent, TaskPatched } from '../events/event.ts';
import { specialFields } from './reducer.ts';
import { type TaskState, taskStatuses } from './state.ts';

/**
 * Counts what a commit did for the first time: answers that the task did not have, its creation, and changes that its
 * state before knew nothing of. A change that came too late, as later ones beat it, counts as nothing.
 */
export function workDone(
  events: readonly TaskEvent[],
  before: TaskState,
  after: TaskState,
): { responses: number; tasks: number; changes: number } {
  return {
    responses: [...after.responses.keys()].filter((key) => !before.responses.has(key)).length,
    tasks: before.creation === undefined && after.creation !== undefined ? 1 : 0,
    changes: events.filter((event) => event.kind === 'patched' && isNews(before, event)).length,
  };
}

/** True where a state has neither these fields nor later ones. */
function isNews(state: TaskState, { stamp, fields }: TaskPatched): boolean {
  const { statuses, fieldsFloor = '' } = state;
  return Object.entries(fields).some(([name, value]) => {
    if (name === 'status') {
      const status = taskStatuses.find((known) => known === value);
      const span = status && statuses.get(status);
      return status !== undefined && (span === undefined || stamp < span.first || stamp > span.last);
    }
    return !specialFields.has(name) && stamp > (state.fields.get(name)?.stamp ?? fieldsFloor);
  });
}
