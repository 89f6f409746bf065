import { readPage } from '../http/parameters.ts';
import { type Clock, within } from '../platform/clock.ts';
import type { DocumentStore, Filter } from '../platform/documents.ts';
import { AppError } from '../platform/errors.ts';
import type { JsonObject } from '../platform/json.ts';
import { unavailable } from '../platform/outage.ts';
import { taskIdOf, tasksCollection } from './document.ts';
import { allFeedShards } from './limits.ts';
import { presentTask } from './present.ts';
import { maxPageBytes, readTimeoutMs } from './readLimits.ts';
import type { TaskStatus } from './state.ts';

export interface TaskListOptions {
  documents: Pick<DocumentStore, 'query'>;
  clock: Clock;
}

export interface TaskFilters {
  status?: TaskStatus | undefined;
  taskType?: string | undefined;
  /** Only tasks that this miner is assigned to. */
  minerUid?: number | undefined;
}

export interface TaskPage {
  tasks: JsonObject[];
  /** The beginning of the next page; undefined after the last one. */
  nextCursor: string | undefined;
  reads: number;
}

/**
 * A page of tasks, newest written first; tasks that Sluice never wrote are not among them. Bodies in Cloud Storage are
 * not fetched.
 * @throws AppError `invalid_request` for a bad cursor, `payload_too_large` for a page of more than `maxPageBytes`,
 * `unavailable` when Firestore does not answer.
 */
export async function listTasks(
  { documents, clock }: TaskListOptions,
  filters: TaskFilters,
  page: { limit: number; cursor?: string | undefined },
): Promise<TaskPage> {
  const query = documents.query(
    {
      collection: tasksCollection,
      filters: firestoreFilters(filters),
      orderBy: [{ field: 'written_at', descending: true }],
      limit: page.limit,
      after: page.cursor,
    },
    'list_tasks',
  );
  const answer = within(clock, readTimeoutMs, query, () => unavailable(clock));
  const { documents: found, nextCursor, reads } = await readPage(answer, page.limit);
  const tasks = found.map(({ path, fields = {} }) => presentTask(taskIdOf({ path }), fields));
  const bytes = tasks.reduce((sum, task) => sum + JSON.stringify(task).length, 0);
  if (bytes > maxPageBytes) {
    throw new AppError('payload_too_large', `These tasks are ${bytes} bytes; ask for fewer with limit.`);
  }
  return { tasks, nextCursor, reads };
}

function firestoreFilters({ status, taskType, minerUid }: TaskFilters): Filter[] {
  // By shard, as in every index that ends in a time: else all writes would meet at one place of it.
  const filters: Filter[] = [{ field: 'feed_shard', op: 'in', value: allFeedShards }];
  if (status !== undefined) filters.push({ field: 'status', op: '==', value: status });
  if (taskType !== undefined) filters.push({ field: 'task_type', op: '==', value: taskType });
  if (minerUid !== undefined)
    filters.push({ field: 'assigned_miners', op: 'array-contains', value: minerUid });
  return filters;
}
