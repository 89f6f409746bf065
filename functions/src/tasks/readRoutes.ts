import { expected, queryInteger, queryText, quoted, readOptionalText } from '../http/fields.ts';
import type { ApiRequest, ApiResponse, Route } from '../http/route.ts';
import { AppError } from '../platform/errors.ts';
import { listTasks, type TaskFilters, type TaskListOptions } from './listing.ts';
import { matchesEtag } from './present.ts';
import type { TaskReader } from './reading.ts';
import { defaultPageSize, maxPageSize, maxWaitSeconds } from './readLimits.ts';
import { taskStatuses } from './state.ts';
import { readMinerUid, readTaskId } from './submitFields.ts';

export interface ReadRoutesOptions extends TaskListOptions {
  reader: TaskReader;
}

/** The header that tells how many billed reads an answer cost. */
export const readsHeader = 'x-firestore-reads';

/** The routes that read tasks. */
export function readRoutes(options: ReadRoutesOptions): Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/tasks/:id',
      access: ['read'],
      handle: (request) => getTask(options, request),
    },
    { method: 'GET', path: '/v1/tasks', access: ['read'], handle: (request) => getTasks(options, request) },
  ];
}

async function getTask({ reader }: ReadRoutesOptions, request: ApiRequest): Promise<ApiResponse> {
  const taskId = readTaskId(request.params['id']);
  const waitMs = waitMsOf(request.query);
  const { task, reads } = await (waitMs === undefined
    ? reader.read(taskId)
    : reader.waitUntilFinal(taskId, waitMs));
  if (task === undefined) throw new AppError('not_found', 'There is no such task yet.');
  const headers = { etag: task.etag, [readsHeader]: String(reads) };
  if (matchesEtag(request.header('if-none-match'), task.etag)) return { status: 304, headers };
  return { status: 200, json: task.text, headers: { ...headers, 'content-type': 'application/json' } };
}

/** How long to wait for the task to be completed; undefined: not at all. */
function waitMsOf(query: URLSearchParams): number | undefined {
  const wait = queryText(query, 'wait');
  const seconds = queryInteger(query, 'timeout', { most: maxWaitSeconds, otherwise: maxWaitSeconds });
  if (wait === undefined) return undefined;
  if (wait !== 'completed') throw expected('wait', 'completed', wait);
  return seconds * 1000;
}

const listParameters = new Set(['status', 'task_type', 'miner_uid', 'limit', 'cursor']);

async function getTasks(options: ReadRoutesOptions, { query }: ApiRequest): Promise<ApiResponse> {
  const unknown = [...query.keys()].find((name) => !listParameters.has(name));
  if (unknown !== undefined) {
    const known = [...listParameters].join(', ');
    throw new AppError('invalid_request', `Unknown parameter ${quoted(unknown)}; there are ${known}.`);
  }
  const limit = queryInteger(query, 'limit', { most: maxPageSize, otherwise: defaultPageSize });
  const cursor = queryText(query, 'cursor');
  const page = await listTasks(options, filtersOf(query), { limit, cursor });
  return {
    status: 200,
    json: { tasks: page.tasks, next_cursor: page.nextCursor ?? null },
    headers: { [readsHeader]: String(page.reads) },
  };
}

function filtersOf(query: URLSearchParams): TaskFilters {
  const status = queryText(query, 'status');
  const minerUid = queryText(query, 'miner_uid');
  return {
    status: status === undefined ? undefined : readStatus(status),
    taskType: readOptionalText(query.get('task_type'), 'task_type', 256),
    minerUid: minerUid === undefined ? undefined : readMinerUid(minerUid, true),
  };
}

/** @throws AppError `invalid_request` for what is no status of a task. */
export function readStatus(value: string): (typeof taskStatuses)[number] {
  const status = taskStatuses.find((known) => known === value);
  if (status === undefined) throw expected('status', `one of ${taskStatuses.join(', ')}`, value);
  return status;
}
