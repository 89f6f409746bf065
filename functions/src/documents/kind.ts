import type { OperationAccepted } from '../events/event.ts';
import { undecidable } from '../flush/deadLetters.ts';
import type { EventGroup, Kind, Plan, Snapshot } from '../flush/kind.ts';
import type { DocumentSet, DocumentWrite, Fields } from '../platform/documents.ts';
import { documentBytes } from '../platform/values.ts';
import {
  absentState,
  documentState,
  fieldChanges,
  storedDocument,
  tombstone,
  tombstonePath,
} from './document.ts';
import { workDone } from './done.ts';
import { maxDocumentBytes, maxDocumentCacheBytes } from './limits.ts';
import { reduceDocument } from './reducer.ts';
import type { DocumentState } from './state.ts';

/** The rules by which operations are written: all once there are so many in hand together, else each in its time. */
export interface OperationRules {
  operationsBufferSize: number;
  operationsFlushMs: number;
}

/**
 * Makes the kind of documents at any path. While a document is absent its tombstone speaks for it; while there is one
 * there is no tombstone. So that several flushers keep to that, whoever makes a document sees to it in the same
 * commit that there is no tombstone (or takes away the one it read), and whoever makes a tombstone that there is no
 * document (or takes it away).
 */
export function operationKind(rules: OperationRules): Kind<OperationAccepted, DocumentState> {
  return {
    maxBytes: maxDocumentBytes,
    maxCacheBytes: maxDocumentCacheBytes,
    owns: (event) => event.kind === 'operation',
    pathOf: ({ path }) => path,
    // Prompt ones are due whatever the clocks say.
    waitMs: ({ visibility }) =>
      visibility === 'prompt' ? Number.NEGATIVE_INFINITY : rules.operationsFlushMs,
    hasEnough: () => false,
    enoughInHand: rules.operationsBufferSize,
    isNew: (events) => events.some(({ isNew }) => isNew),
    isDeletion: (events) => latestOf(events)?.type === 'delete',
    tombstonePath,
    stateOf: (path, fields, stored) =>
      fields === undefined ? absentState(path, stored) : documentState(path, fields),
    plan: (path, snapshot, events) => {
      const { state: after, undecidable: late } = reduceDocument(snapshot.state, events);
      const document = storedDocument(after);
      const plan = { after, document, dead: late.map(undecidable) };
      if (document === undefined) return { ...plan, ...deletion(snapshot, after), bytes: 0 };
      return { ...plan, ...creation(path, snapshot, document), bytes: documentBytes(path, document) };
    },
    done: workDone,
    counts: (groups) => ({ documents: groups.length, operations: countOf(groups) }),
  };
}

function countOf(groups: readonly EventGroup[]): number {
  return groups.reduce((sum, { events }) => sum + events.length, 0);
}

function latestOf(events: readonly OperationAccepted[]): OperationAccepted | undefined {
  return events.reduce<OperationAccepted | undefined>(
    (latest, event) => (latest !== undefined && latest.stamp > event.stamp ? latest : event),
    undefined,
  );
}

type Writes = Pick<Plan<DocumentState>, 'writes' | 'ifAbsent'>;

/** The writes that make, or change, the document. */
function creation(
  path: string,
  { document: before, version, tombstone: present = 'absent' }: Snapshot<DocumentState>,
  after: Fields,
): Writes {
  if (before !== undefined) {
    const changes = fieldChanges(before, after);
    return { writes: changes.length === 0 ? [] : [{ path, ifVersion: version, changes }], ifAbsent: [] };
  }
  const created: DocumentWrite = { path, ifVersion: 'absent', changes: wholeFields(after) };
  const place = tombstonePath(path);
  if (present === 'absent') return { writes: [created], ifAbsent: [place] };
  return { writes: [created, { path: place, ifVersion: present, changes: 'deleted' }], ifAbsent: [] };
}

/** The writes that take the document away, or remember a later deletion of one that is not there. */
function deletion(
  { state: before, document, version, tombstone: present = 'absent' }: Snapshot<DocumentState>,
  after: DocumentState,
): Writes {
  if (after.wholeStamp === before.wholeStamp && document === undefined) return { writes: [], ifAbsent: [] };
  const { path } = after;
  const made = { path: tombstonePath(path), changes: wholeFields(tombstone(after)) };
  if (document !== undefined && version !== 'absent') {
    const taken: DocumentWrite = { path, ifVersion: version, changes: 'deleted' };
    return { writes: [taken, { ...made, ifVersion: 'any' }], ifAbsent: [] };
  }
  return { writes: [{ ...made, ifVersion: present }], ifAbsent: present === 'absent' ? [path] : [] };
}

function wholeFields(fields: Fields): DocumentSet['changes'] {
  return Object.entries(fields).map(([name, value]) => ({ path: [name], value }));
}
