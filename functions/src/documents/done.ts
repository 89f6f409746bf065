import type { OperationAccepted } from '../events/event.ts';
import { filesCollection } from '../files/record.ts';
import type { Committed } from '../flush/kind.ts';
import { isNews } from './reducer.ts';
import type { DocumentState } from './state.ts';

/**
 * Counts what a commit did for the first time: operations that the document's state before knew nothing of, or that a
 * file's document says now, and did not before, that the file is stored.
 */
export function workDone({
  path,
  events,
  before,
  after,
}: Committed<OperationAccepted, DocumentState>): { files: number } | { operations: number } {
  if (path.startsWith(`${filesCollection}/`)) return { files: isStored(after) && !isStored(before) ? 1 : 0 };
  return { operations: events.filter((event) => isNews(before, event)).length };
}

function isStored({ fields }: DocumentState): boolean {
  return fields?.['status'] === 'stored';
}
