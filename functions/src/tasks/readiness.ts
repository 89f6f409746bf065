import type { OperationAccepted, TaskEvent } from '../events/event.ts';
import { type Stamp, stampMs } from '../events/stamp.ts';
import type { EventGroup } from '../flush/intake.ts';
import { countedAnswers } from './answers.ts';
import { taskIdOf } from './listing.ts';
import { outcomeOf } from './outcome.ts';
import { reduceTask } from './reducer.ts';
import { answerKey, emptyTask, type TaskState } from './state.ts';

export interface ReadinessRules {
  minResponsesToFlush: number;
  bufferTimeoutMs: number;
  taskVisibleMs: number;
  taskTimeoutMs: number;
  operationsBufferSize: number;
  operationsFlushMs: number;
}

type TaskGroup = EventGroup<TaskEvent>;

/**
 * Whether a task's events may be written now. Only cost and delay depend on it, never the result, and it needs no
 * read: `known` is what this instance last wrote, if it remembers.
 */
export function isTaskReady(
  group: TaskGroup,
  known: TaskState | undefined,
  nowMs: number,
  flushBefore: Stamp,
  rules: ReadinessRules,
): boolean {
  if (group.isForced || isKnown(group, known)) return true;
  const isDue = group.events.some(
    (event) => event.stamp <= flushBefore || nowMs >= stampMs(event.stamp) + longestWaitMs(event, rules),
  );
  return isDue || hasEnoughResponses(group, known, rules);
}

/** Tells of each document whether its operations may be written now: all may, once there are enough in hand together. */
export function operationsReady(
  groups: readonly EventGroup<OperationAccepted>[],
  nowMs: number,
  flushBefore: Stamp,
  { operationsBufferSize, operationsFlushMs }: ReadinessRules,
): (group: EventGroup<OperationAccepted>) => boolean {
  const inHand = groups.reduce((sum, { events }) => sum + events.length, 0);
  if (inHand >= operationsBufferSize) return () => true;
  return ({ events, isForced }) =>
    isForced ||
    events.some(
      ({ stamp, visibility }) =>
        visibility === 'prompt' || stamp <= flushBefore || nowMs >= stampMs(stamp) + operationsFlushMs,
    );
}

/** Whether the document has all of it already: then there is nothing to write, nor to wait for. */
function isKnown({ events }: TaskGroup, known: TaskState | undefined): boolean {
  return events.every((event) => {
    if (event.kind !== 'response') return false;
    const present = known?.responses.get(answerKey({ ...event, value: event.response }));
    return present !== undefined && present.stamp <= event.stamp;
  });
}

/** How long an event may wait for others of its task. */
export function longestWaitMs(event: TaskEvent, rules: ReadinessRules): number {
  switch (event.kind) {
    case 'deadline':
      return 0;
    case 'response':
      return rules.bufferTimeoutMs;
    case 'created':
    case 'patched':
      if (event.visibility === 'prompt') return 0;
      return event.visibility === 'deferred' ? rules.bufferTimeoutMs : rules.taskVisibleMs;
  }
}

function hasEnoughResponses(group: TaskGroup, known: TaskState | undefined, rules: ReadinessRules): boolean {
  if (!group.events.some(({ kind }) => kind === 'response')) return false;
  const before = known ?? emptyTask(taskIdOf(group));
  const { state: after } = reduceTask(before, group.events, rules.taskTimeoutMs);
  const news = countedAnswers(after).length - countedAnswers(before).length;
  if (news >= rules.minResponsesToFlush) return true;
  return outcomeOf(after).status === 'completed' && outcomeOf(before).status !== 'completed';
}
