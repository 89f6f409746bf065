import * as z from 'zod/mini';
import { pollAfterHeader, readsHeader } from '../http/answers.ts';
import { defineRoute } from '../http/defineRoute.ts';
import type { ApiResponse, Caller, Route } from '../http/route.ts';
import { oneOf, optional } from '../http/schema.ts';
import type { JsonObject } from '../platform/json.ts';
import type { OpenTaskFeed } from '../tasks/feed.ts';
import type { FinalTask, OpenTask } from '../tasks/minerTasks.ts';
import { maxPageSize, maxPolledBytes, maxPolledTasks } from '../tasks/readLimits.ts';
import type { Speakers } from '../tasks/speaker.ts';
import { isFinalStatus, type TaskStatus, taskStatuses } from '../tasks/state.ts';
import { minerUidOrText } from '../tasks/submitFields.ts';

interface MinerRoutesOptions {
  feed: OpenTaskFeed;
  speakers: Speakers;
  /** READ_CACHE_SECONDS: the feed changes no oftener. */
  readCacheMs: number;
  /** POLL_CACHE_SECONDS: how long Hosting may give an answer again. */
  pollCacheMs: number;
}

/**
 * The route that existing miners poll: a bare array. `status=assigned` is every open task assigned to the miner that it
 * has not answered, shown as `assigned` whatever the stored status; other open statuses filter by the stored one; a
 * final status lists the newest such tasks that memory has; without `status` come all open ones. Other parameters are
 * ignored, as before. An answer that is not flushed yet does not count, so its task can be listed once more.
 */
export function minerRoutes({ feed, speakers, readCacheMs, pollCacheMs }: MinerRoutesOptions): Route[] {
  const pollAfter = String(Math.ceil(Math.max(readCacheMs, pollCacheMs) / 1000));
  const answer = (tasks: readonly JsonObject[], reads: number): ApiResponse => ({
    status: 200,
    json: tasks,
    headers: { [readsHeader]: String(reads), [pollAfterHeader]: pollAfter },
    sharedSeconds: pollCacheMs / 1000,
  });
  return [
    defineRoute({
      method: 'GET',
      path: '/api/v1/miners/:miner_uid/tasks',
      access: ['read', 'miner'],
      params: () => z.object({ miner_uid: minerUidOrText() }),
      query: () => z.object({ status: optional(oneOf(taskStatuses)) }),
      summary: 'Tasks of a miner as existing miners poll them: with `status=assigned` those it is to answer',
      answers: () => {
        const schema = z.array(z.looseObject({ task_id: z.string() }));
        return { 200: { schema, headers: [readsHeader, pollAfterHeader] } };
      },
      handle: async ({ params: { miner_uid: uid }, query: { status } }, { caller }) => {
        speakers.checkUid(caller, uid);
        if (status !== undefined && isFinalStatus(status)) {
          const { tasks, reads } = await feed.finals();
          const mine = tasks.filter((task) => task.status === status && task.assigned.has(uid));
          return answer(finalViews(mine, uid, caller), reads);
        }
        const { tasks, reads } = await feed.open();
        const mine = [...tasks].filter((task) => task.assigned.has(uid));
        return answer(openViews(mine, uid, status), reads);
      },
    }),
  ];
}

function openViews(mine: readonly OpenTask[], uid: number, status: TaskStatus | undefined): JsonObject[] {
  if (status === undefined) return views(mine);
  if (status !== 'assigned') return views(mine.filter((task) => task.status === status));
  const todo = views(mine.filter((task) => !task.answered.has(uid)));
  return todo.map((view) => ({ ...view, status }));
}

/** The newest tasks first, with what the miner answered where the key can be nobody's but its own. */
function finalViews(tasks: readonly FinalTask[], uid: number, { role, uids }: Caller): JsonObject[] {
  const isOwn = role !== 'miner' || uids?.includes(uid) === true;
  return oneAnswer(tasks, maxPageSize).map(({ view, responses }) => {
    const own = responses[uid];
    return { ...view, miner_responses: isOwn && own !== undefined ? { [uid]: own } : {} };
  });
}

/** The oldest tasks first. */
function views(tasks: readonly OpenTask[]): JsonObject[] {
  const oldestFirst = tasks.toSorted(
    (a, b) => Number(a.createdAt > b.createdAt) - Number(a.createdAt < b.createdAt),
  );
  return oneAnswer(oldestFirst, maxPolledTasks).map(({ view }) => view);
}

/** As many of the first tasks as one answer holds, at least one. */
function oneAnswer<Task extends { bytes: number }>(tasks: readonly Task[], maxTasks: number): Task[] {
  let bytes = 0;
  return tasks.slice(0, maxTasks).filter((task, index) => {
    bytes += task.bytes;
    return index === 0 || bytes <= maxPolledBytes;
  });
}
