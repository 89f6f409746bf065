import type { ResponseReceived, TaskEvent } from '../events/event.ts';
import type { DocumentKind } from '../flush/kind.ts';
import { documentBytes, fieldsBytes } from '../platform/values.ts';
import { documentChanges, foreignFields, taskDocument, taskState } from './document.ts';
import { maxTaskDocumentBytes } from './limits.ts';
import { taskIdOf } from './listing.ts';
import { reduceTask } from './reducer.ts';
import { emptyTask, isOrphan, type TaskState, taskExists, withReplacedBodies } from './state.ts';

export interface TaskKindOptions {
  taskTimeoutMs: number;
  retentionMs: number;
  /** Moves bodies out of a state whose document would have more than so many bytes. */
  shrink(state: TaskState, maxBytes: number): Promise<TaskState>;
  /** Keeps responses as dead letters that a task has no place for: before the commit that may take one out of it. */
  keepOverflow(overflow: readonly ResponseReceived[], kept: TaskState): Promise<void>;
  /** Keeps events as dead letters whose fields cannot be judged any more. */
  keepUndecidable(undecidable: readonly TaskEvent[]): Promise<void>;
}

/** Task documents. */
export function taskKind(options: TaskKindOptions): DocumentKind<TaskEvent, TaskState> {
  const { taskTimeoutMs, retentionMs, shrink, keepOverflow, keepUndecidable } = options;
  return {
    maxBytes: maxTaskDocumentBytes,
    isNew: (events) => events.some(({ kind }) => kind === 'created'),
    known: (path, { fields, version }) => {
      const taskId = taskIdOf({ path });
      if (fields === undefined || version === undefined) {
        return { state: emptyTask(taskId), document: undefined, version: 'absent' };
      }
      return { state: taskState(taskId, fields, taskTimeoutMs), document: fields, version };
    },
    plan: async (path, known, events) => {
      const { state, overflow, undecidable } = reduceTask(known.state, events, taskTimeoutMs);
      const nothing = { document: undefined, bytes: 0, writes: [], ifAbsent: [] };
      if (!taskExists(state)) return { ...nothing, after: state };
      if (overflow.length > 0) await keepOverflow(overflow, state);
      await keepUndecidable(undecidable);
      let after = withReplacedBodies(state, known.state);
      let document = taskDocument(after, { retentionMs });
      const foreign = foreignFields(known.document ?? {}, document);
      if (isOrphan(after) && Object.keys(foreign).length > 0) {
        after = { ...after, isAdopted: true };
        document = taskDocument(after, { retentionMs });
      }
      const foreignBytes = fieldsBytes(foreign);
      let bytes = documentBytes(path, document) + foreignBytes;
      if (bytes > maxTaskDocumentBytes) {
        after = await shrink(after, maxTaskDocumentBytes - foreignBytes);
        document = taskDocument(after, { retentionMs });
        bytes = documentBytes(path, document) + foreignBytes;
      }
      const changes = documentChanges(known.document ?? {}, document);
      const writes = changes.length === 0 ? [] : [{ path, ifVersion: known.version, changes }];
      return { after, document: { ...foreign, ...document }, bytes, writes, ifAbsent: [] };
    },
  };
}
