import * as z from 'zod/mini';
import { readsHeader } from '../http/answers.ts';
import { defineRoute } from '../http/defineRoute.ts';
import type { Route } from '../http/route.ts';
import type { OpenTaskFeed } from '../tasks/feed.ts';
import { checkValidator } from '../tasks/speaker.ts';
import { validatorUid } from '../tasks/submitEvaluation.ts';

interface ValidatorRoutesOptions {
  feed: Pick<OpenTaskFeed, 'completed' | 'finals'>;
  /** POLL_CACHE_SECONDS: how long Hosting may give an answer again. */
  pollCacheMs: number;
}

/** The routes that existing validators read: a bare array of the tasks completed latest, and what they evaluated. */
export function validatorRoutes({ feed, pollCacheMs }: ValidatorRoutesOptions): Route[] {
  const sharedSeconds = pollCacheMs / 1000;
  return [
    defineRoute({
      method: 'GET',
      path: '/api/v1/tasks/completed',
      access: ['validator', 'read'],
      summary:
        'Tasks that are completed and not evaluated, the newest first, as existing validators read them',
      answers: () => {
        const schema = z.array(
          z.looseObject({ task_id: z.string(), miner_responses: z.array(z.looseObject({})) }),
        );
        return { 200: { schema, headers: [readsHeader] } };
      },
      handle: async () => {
        const { json, reads } = await feed.completed();
        const headers = { 'content-type': 'application/json', [readsHeader]: String(reads) };
        return { status: 200, json, headers, sharedSeconds };
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/api/v1/validator/:validator_uid/evaluated_tasks',
      access: ['validator', 'read'],
      params: () => z.object({ validator_uid: validatorUid() }),
      summary: 'Ids of tasks that a validator evaluated, of those that were over latest',
      answers: () => ({
        200: { schema: z.object({ evaluated_tasks: z.array(z.string()) }), headers: [readsHeader] },
      }),
      handle: async ({ params: { validator_uid: uid } }, { caller }) => {
        checkValidator(caller, uid);
        const { tasks, reads } = await feed.finals();
        const mine = tasks.filter(({ evaluators }) => evaluators.has(String(uid)));
        const json = { evaluated_tasks: mine.map(({ taskId }) => taskId) };
        return { status: 200, json, headers: { [readsHeader]: String(reads) } };
      },
    }),
  ];
}
