import * as z from 'zod/mini';
import { pageOf, readsHeader } from '../http/answers.ts';
import { defineRoute } from '../http/defineRoute.ts';
import { notModified } from '../http/etag.ts';
import { cursor, limit, readPage } from '../http/parameters.ts';
import type { Route } from '../http/route.ts';
import { expecting, members, oneOf, optional, queryInteger, text, withDefault } from '../http/schema.ts';
import { type Clock, within } from '../platform/clock.ts';
import type { DocumentStore, Filter } from '../platform/documents.ts';
import { AppError } from '../platform/errors.ts';
import { unavailable } from '../platform/outage.ts';
import { taskIdOf, tasksCollection } from './document.ts';
import { allFeedShards } from './limits.ts';
import { presentTask } from './present.ts';
import type { TaskReader } from './reading.ts';
import { defaultPageSize, maxPageBytes, maxPageSize, maxWaitSeconds, readTimeoutMs } from './readLimits.ts';
import { taskShown } from './schemas.ts';
import { taskStatuses } from './state.ts';
import { minerUidOrText, taskInPath } from './submitFields.ts';

interface ReadRoutesOptions {
  documents: Pick<DocumentStore, 'query'>;
  clock: Clock;
  reader: TaskReader;
}

/** The routes that read tasks. */
export function readRoutes(options: ReadRoutesOptions): Route[] {
  return [getTask(options), getTasks(options)];
}

function getTask({ reader }: ReadRoutesOptions): Route {
  return defineRoute({
    method: 'GET',
    path: '/v1/tasks/:task_id',
    access: ['read'],
    params: taskInPath,
    query: () =>
      z.object({
        wait: optional(z.literal('completed', expecting('completed'))),
        timeout: withDefault(queryInteger(1, maxWaitSeconds), maxWaitSeconds),
      }),
    summary: 'A task; with `wait` once it is completed, or after `timeout` seconds',
    headers: ['If-None-Match'],
    answers: () => {
      const headers = ['ETag', readsHeader];
      return { 200: { schema: taskShown(), headers }, 304: { headers } };
    },
    refusals: ['not_found'],
    handle: async ({ params, query: { wait, timeout } }, request) => {
      const { task, reads } = await (wait === undefined
        ? reader.read(params.task_id)
        : reader.waitUntilFinal(params.task_id, timeout * 1000));
      if (task === undefined) throw new AppError('not_found', 'There is no such task yet.');
      const headers = { etag: task.etag, [readsHeader]: String(reads) };
      if (notModified(request, task.etag)) return { status: 304, headers };
      return { status: 200, json: task.text, headers: { ...headers, 'content-type': 'application/json' } };
    },
  });
}

/** Tasks that Sluice never wrote are not listed; bodies in Cloud Storage are not fetched. */
function getTasks({ documents, clock }: ReadRoutesOptions): Route {
  return defineRoute({
    method: 'GET',
    path: '/v1/tasks',
    access: ['read'],
    query: () =>
      members(
        {
          status: optional(oneOf(taskStatuses)),
          task_type: optional(text(256)),
          miner_uid: optional(minerUidOrText()),
          limit: limit({ most: maxPageSize, otherwise: defaultPageSize }),
          cursor: cursor(),
        },
        { noun: 'parameter' },
      ),
    summary: 'A page of tasks, the newest written first',
    answers: () => ({ 200: { schema: pageOf('tasks', taskShown()), headers: [readsHeader] } }),
    handle: async ({ query: { status, task_type, miner_uid, limit, cursor: after } }) => {
      // By shard, as in every index that ends in a time: else all writes would meet at one place of it.
      const filters: Filter[] = [{ field: 'feed_shard', op: 'in', value: allFeedShards }];
      if (status !== undefined) filters.push({ field: 'status', op: '==', value: status });
      if (task_type !== undefined) filters.push({ field: 'task_type', op: '==', value: task_type });
      if (miner_uid !== undefined)
        filters.push({ field: 'assigned_miners', op: 'array-contains', value: miner_uid });
      const orderBy = [{ field: 'written_at', descending: true }];
      const query = { collection: tasksCollection, filters, orderBy, limit, after };
      const found = within(clock, readTimeoutMs, documents.query(query, 'list_tasks'), () =>
        unavailable(clock),
      );
      const page = await readPage(found, limit);
      const tasks = page.documents.map(({ path, fields = {} }) => presentTask(taskIdOf({ path }), fields));
      const bytes = tasks.reduce((sum, task) => sum + JSON.stringify(task).length, 0);
      if (bytes > maxPageBytes) {
        throw new AppError('payload_too_large', `These tasks are ${bytes} bytes; ask for fewer with limit.`);
      }
      return {
        status: 200,
        json: { tasks, next_cursor: page.nextCursor ?? null },
        headers: { [readsHeader]: String(page.reads) },
      };
    },
  });
}
