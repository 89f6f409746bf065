import type { TaskEvent } from '../events/event.ts';
import type { EventGroup, Kind } from '../flush/kind.ts';
import { countedAnswers } from './answers.ts';
import { taskIdOf } from './document.ts';
import { markOf } from './erasure.ts';
import { outcomeOf } from './outcome.ts';
import { type Reduction, reduceTask } from './reducer.ts';
import { answerKey, emptyTask, isEmptyTask, type TaskState } from './state.ts';

export interface TaskRules {
  minResponsesToFlush: number;
  bufferTimeoutMs: number;
  taskVisibleMs: number;
  taskTimeoutMs: number;
}

type TaskGroup = EventGroup<TaskEvent>;

/**
 * Decides when a task's events are written: when it has enough responses, or one of its events waited as long as it
 * may. `reduced` reduces events; those that were reduced to decide it are not reduced again on the same state.
 */
export function taskReadiness(rules: TaskRules): Pick<Kind<TaskEvent, TaskState>, 'waitMs' | 'hasEnough'> & {
  reduced(state: TaskState, events: readonly TaskEvent[]): Reduction;
} {
  const reductions = new WeakMap<readonly TaskEvent[], { before: TaskState; reduction: Reduction }>();

  const reduced = (state: TaskState, events: readonly TaskEvent[]): Reduction => {
    const known = reductions.get(events);
    const isSame =
      known?.before === state || (known !== undefined && [known.before, state].every(isEmptyTask));
    if (known !== undefined && isSame) return known.reduction;
    const reduction = reduceTask(state, events, rules.taskTimeoutMs);
    reductions.set(events, { before: state, reduction });
    return reduction;
  };

  const hasEnoughResponses = ({ path, events }: TaskGroup, known: TaskState | undefined): boolean => {
    if (!events.some(({ kind }) => kind === 'response')) return false;
    const before = known ?? emptyTask(taskIdOf({ path }));
    const { state: after } = reduced(before, events);
    const news = countedAnswers(after).length - countedAnswers(before).length;
    if (news >= rules.minResponsesToFlush) return true;
    return outcomeOf(after).status === 'completed' && outcomeOf(before).status !== 'completed';
  };

  return {
    reduced,
    waitMs: (event) => longestWaitMs(event, rules),
    hasEnough: (group, known) => hasAll(known, group) || hasEnoughResponses(group, known),
  };
}

/** True where the document has all of the events already: then there is nothing to write, nor to wait for. */
function hasAll(known: TaskState | undefined, { events }: TaskGroup): boolean {
  return events.every((event) => {
    if (event.kind === 'evaluated') {
      const present = known?.evaluations.get(String(event.evaluation.validator_uid));
      return present !== undefined && present.stamp >= event.stamp;
    }
    if (event.kind === 'erased') return known?.erased.has(markOf(event)) ?? false;
    if (event.kind !== 'response') return false;
    const present = known?.responses.get(answerKey({ ...event, value: event.response }));
    return present !== undefined && present.stamp <= event.stamp;
  });
}

/** The longest wait of an event for others of its task. */
function longestWaitMs(event: TaskEvent, rules: TaskRules): number {
  switch (event.kind) {
    case 'deadline':
    case 'erased':
      return 0;
    case 'response':
    case 'evaluated':
      return rules.bufferTimeoutMs;
    case 'created':
    case 'patched':
      if (event.visibility === 'prompt') return 0;
      return event.visibility === 'deferred' ? rules.bufferTimeoutMs : rules.taskVisibleMs;
  }
}
