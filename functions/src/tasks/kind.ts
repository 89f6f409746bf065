import type { TaskEvent } from '../events/event.ts';
import { undecidable } from '../flush/deadLetters.ts';
import type { Kind, Plan, Snapshot } from '../flush/kind.ts';
import type { ObjectStore } from '../platform/objects.ts';
import { documentBytes, fieldsBytes } from '../platform/values.ts';
import type { Outbox } from '../staging/outbox.ts';
import { TaskBodies, type TaskBodiesOptions } from './bodies.ts';
import { Deadlines } from './deadlines.ts';
import { documentChanges, foreignFields, taskDocument, taskIdOf, taskPath, taskState } from './document.ts';
import { workDone } from './done.ts';
import {
  maxEvaluationsPerTask,
  maxResponsesPerTask,
  maxTaskCacheBytes,
  maxTaskDocumentBytes,
} from './limits.ts';
import { OrphanCounter, type OrphanCounterOptions } from './orphans.ts';
import { type TaskRules, taskReadiness } from './readiness.ts';
import { emptyTask, isOrphan, type TaskState, taskExists, withReplacedBodies } from './state.ts';

export interface TaskKindOptions extends TaskBodiesOptions, OrphanCounterOptions {
  rules: TaskRules;
  outbox: Outbox;
  objects: ObjectStore;
}

/** Makes the kind of task documents. */
export function taskKind(options: TaskKindOptions): Kind<TaskEvent, TaskState> {
  const { rules, outbox, clock } = options;
  const bodies = new TaskBodies(options);
  const orphans = new OrphanCounter(options);
  const { waitMs, hasEnough, reduced } = taskReadiness(rules);
  const detail = `The task keeps its ${maxResponsesPerTask} earliest responses.`;
  const evaluationDetail = `The task keeps its ${maxEvaluationsPerTask} latest evaluations.`;

  /** Plans the write of a state. */
  const planOf = (path: string, snapshot: Snapshot<TaskState>, after: TaskState): Plan<TaskState> => {
    const before = snapshot.document ?? {};
    const document = taskDocument(after, options);
    const foreign = foreignFields(before, document);
    if (isOrphan(after) && Object.keys(foreign).length > 0)
      return planOf(path, snapshot, { ...after, isAdopted: true });
    const changes = documentChanges(before, document);
    const writes = changes.length === 0 ? [] : [{ path, ifVersion: snapshot.version, changes }];
    const bytes = documentBytes(path, document) + fieldsBytes(foreign);
    return { after, document: { ...foreign, ...document }, bytes, writes, ifAbsent: [] };
  };

  return {
    maxBytes: maxTaskDocumentBytes,
    maxCacheBytes: maxTaskCacheBytes,
    owns: (event) => 'taskId' in event,
    pathOf: ({ taskId }) => taskPath(taskId),
    waitMs,
    hasEnough,
    isNew: (events) => events.some(({ kind }) => kind === 'created'),
    stateOf: (path, fields) => {
      const taskId = taskIdOf({ path });
      return fields === undefined ? emptyTask(taskId) : taskState(taskId, fields, rules.taskTimeoutMs);
    },
    plan: (path, snapshot, events) => {
      const { state, overflow, evaluationOverflow, undecidable: late } = reduced(snapshot.state, events);
      if (!taskExists(state))
        return { document: undefined, bytes: 0, writes: [], ifAbsent: [], after: state };
      // Before the commit that may take one of them out of the task.
      orphans.countOverflow(overflow, state);
      const tooMany = overflow.map((event) => ({ reason: 'too_many_responses', detail, content: { event } }));
      const tooManyEvaluations = evaluationOverflow.map((event) => ({
        reason: 'too_many_evaluations',
        detail: evaluationDetail,
        content: { event },
      }));
      const dead = [...tooMany, ...tooManyEvaluations, ...late.map(undecidable)];
      return { ...planOf(path, snapshot, withReplacedBodies(state, snapshot.state)), dead };
    },
    shrink: async (path, snapshot, { after, bytes }) =>
      planOf(path, snapshot, await bodies.shrink(after, bytes - maxTaskDocumentBytes)),
    follow: () => {
      const deadlines = new Deadlines(clock);
      return {
        after: (round) => {
          for (const committed of round) {
            orphans.count(committed);
            deadlines.collect(committed);
          }
          return round.map((committed) => ({
            events: committed.events,
            work: () => bodies.follow(committed),
          }));
        },
        end: () => [...deadlines.bookings(outbox), { events: [], work: () => orphans.save() }],
      };
    },
    done: ({ events, before, after }) => workDone(events, before, after),
    counts: (groups) => ({
      tasks: groups.length,
      responses: groups.flatMap(({ events }) => events).filter(({ kind }) => kind === 'response').length,
    }),
  };
}
