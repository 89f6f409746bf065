import * as z from 'zod/mini';
import { pageOf, readsHeader } from '../http/answers.ts';
import { defineRoute } from '../http/defineRoute.ts';
import { notModified } from '../http/etag.ts';
import { cursor, limit } from '../http/parameters.ts';
import type { Route } from '../http/route.ts';
import { expecting, members, oneOf, optional, queryInteger, text, withDefault } from '../http/schema.ts';
import { AppError } from '../platform/errors.ts';
import { listTasks, type TaskListOptions } from './listing.ts';
import type { TaskReader } from './reading.ts';
import { defaultPageSize, maxPageSize, maxWaitSeconds } from './readLimits.ts';
import { taskShown } from './schemas.ts';
import { taskStatuses } from './state.ts';
import { minerUidOrText, taskInPath } from './submitFields.ts';

export interface ReadRoutesOptions extends TaskListOptions {
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
    answers: () => ({ 200: taskShown(), 304: {} }),
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

function getTasks(options: ReadRoutesOptions): Route {
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
    answers: () => ({ 200: pageOf('tasks', taskShown()) }),
    handle: async ({ query: { status, task_type: taskType, miner_uid: minerUid, limit, cursor } }) => {
      const page = await listTasks(options, { status, taskType, minerUid }, { limit, cursor });
      return {
        status: 200,
        json: { tasks: page.tasks, next_cursor: page.nextCursor ?? null },
        headers: { [readsHeader]: String(page.reads) },
      };
    },
  });
}
