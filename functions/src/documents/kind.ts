import type { OperationAccepted } from '../events/event.ts';
import type { DocumentKind, Known, Plan } from '../flush/kind.ts';
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
import { maxDocumentBytes } from './limits.ts';
import { reduceDocument } from './reducer.ts';
import type { DocumentState } from './state.ts';

export interface OperationKindOptions {
  /** Keeps operations as dead letters that cannot be judged any more. */
  keepUndecidable(undecidable: readonly OperationAccepted[]): Promise<void>;
}

/**
 * Documents of any kind. While one is absent its tombstone speaks for it; while there is one there is no tombstone. So
 * that several flushers keep to that, whoever makes a document sees to it in the same commit that there is no tombstone
 * (or takes away the one it read), and whoever makes a tombstone that there is no document (or takes it away).
 */
export function operationKind(options: OperationKindOptions): DocumentKind<OperationAccepted, DocumentState> {
  return {
    maxBytes: maxDocumentBytes,
    isNew: (events) => events.some(({ isNew }) => isNew),
    isDeletion: (events) => latestOf(events)?.type === 'delete',
    companionOf: tombstonePath,
    known: (path, { fields, version }, companion) => {
      if (fields !== undefined && version !== undefined) {
        return { state: documentState(path, fields), document: fields, version };
      }
      return {
        state: absentState(path, companion?.fields),
        document: undefined,
        version: 'absent',
        companion: companion && (companion.version ?? 'absent'),
      };
    },
    plan: async (path, known, events) => {
      const { state: after, undecidable } = reduceDocument(known.state, events);
      await options.keepUndecidable(undecidable);
      const document = storedDocument(after);
      if (document === undefined) return { ...deletion(known, after), after, document, bytes: 0 };
      return { ...creation(path, known, document), after, document, bytes: documentBytes(path, document) };
    },
  };
}

function latestOf(events: readonly OperationAccepted[]): OperationAccepted | undefined {
  return events.reduce<OperationAccepted | undefined>(
    (latest, event) => (latest !== undefined && latest.stamp > event.stamp ? latest : event),
    undefined,
  );
}

type Writes = Pick<Plan<DocumentState>, 'writes' | 'ifAbsent'>;

/** What makes, or changes, the document. */
function creation(
  path: string,
  { document: before, version, companion }: Known<DocumentState>,
  after: Fields,
): Writes {
  if (before !== undefined) {
    const changes = fieldChanges(before, after);
    return { writes: changes.length === 0 ? [] : [{ path, ifVersion: version, changes }], ifAbsent: [] };
  }
  const created: DocumentWrite = { path, ifVersion: 'absent', changes: wholeFields(after) };
  const graveyard = tombstonePath(path);
  if (companion === undefined || companion === 'absent') return { writes: [created], ifAbsent: [graveyard] };
  return { writes: [created, { path: graveyard, ifVersion: companion, changes: 'deleted' }], ifAbsent: [] };
}

/** What takes the document away, or remembers a later deletion of one that is not there. */
function deletion(
  { state: before, document, version, companion }: Known<DocumentState>,
  after: DocumentState,
): Writes {
  if (after.wholeStamp === before.wholeStamp && document === undefined) return { writes: [], ifAbsent: [] };
  const { path } = after;
  const buried = { path: tombstonePath(path), changes: wholeFields(tombstone(after)) };
  if (document !== undefined && version !== 'absent') {
    const taken: DocumentWrite = { path, ifVersion: version, changes: 'deleted' };
    return { writes: [taken, { ...buried, ifVersion: 'any' }], ifAbsent: [] };
  }
  if (companion === undefined || companion === 'absent') {
    return { writes: [{ ...buried, ifVersion: 'absent' }], ifAbsent: [path] };
  }
  return { writes: [{ ...buried, ifVersion: companion }], ifAbsent: [] };
}

function wholeFields(fields: Fields): DocumentSet['changes'] {
  return Object.entries(fields).map(([name, value]) => ({ path: [name], value }));
}
