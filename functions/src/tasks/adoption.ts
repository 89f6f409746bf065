import { earliestStamp, type Stamp } from '../events/stamp.ts';
import type { Fields } from '../platform/documents.ts';
import { jsonFromFields } from '../platform/values.ts';
import { namedMiners } from './answers.ts';
import type { TaskMeta } from './meta.ts';
import { creationOf } from './reducer.ts';
import { taskStatuses } from './state.ts';
import { adoptedStampOf } from './storedAnswers.ts';

/**
 * Makes the meta of a document that another system wrote, which Sluice adopts as older than any event. Its other fields
 * have no stamps: any event's are newer, and until then they stay.
 */
export function adoptedMeta(document: Fields, timeoutMs: number): TaskMeta {
  const { created_at: createdAt, assigned_miners: assigned } = document;
  const counts = jsonFromFields(document, (field) => field.endsWith('_miner_count'));
  return {
    creation:
      createdAt instanceof Date ? creationOf(adoptedStampOf(createdAt), counts, timeoutMs) : undefined,
    statuses: adoptedStatuses(document),
    // Which answers count depends on it, so it is known from the start, as older than any event.
    fields: areUids(assigned) ? { assigned_miners: earliestStamp } : {},
    responses: {},
    isAdopted: true,
  };
}

function areUids(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && namedMiners(value).length === value.length;
}

function adoptedStatuses({ status: stored, completed_at, distributed_at }: Fields): TaskMeta['statuses'] {
  const statuses: TaskMeta['statuses'] = {};
  if (distributed_at instanceof Date) statuses.assigned = always(adoptedStampOf(distributed_at));
  const status = taskStatuses.find((known) => known === stored);
  if (status !== undefined)
    statuses[status] ??= always(adoptedStampOf(status === 'completed' ? completed_at : undefined));
  return statuses;
}

function always(stamp: Stamp): { first: Stamp; last: Stamp } {
  return { first: stamp, last: stamp };
}
