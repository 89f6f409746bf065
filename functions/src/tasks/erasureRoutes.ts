import * as z from 'zod/mini';
import { idFault } from '../events/documentPath.ts';
import type { AnswersErased } from '../events/event.ts';
import { count } from '../http/answers.ts';
import { defineRoute } from '../http/defineRoute.ts';
import type { Route } from '../http/route.ts';
import { expecting, members, optional, text } from '../http/schema.ts';
import { maxHotkeyLength } from '../keys/limits.ts';
import { sha256Hex } from '../platform/ids.ts';
import type { AcceptingParts } from '../staging/groupStager.ts';
import { maxEventsPerRequest, minerUid } from './submitFields.ts';

/**
 * The route by which a miner's answers to tasks are erased: an event for each task, so that it holds whatever is still
 * queued, comes again, or is written meanwhile.
 */
export function erasureRoutes({ stager, stamps }: Pick<AcceptingParts, 'stager' | 'stamps'>): Route[] {
  return [
    defineRoute({
      method: 'POST',
      path: '/v1/erasures',
      access: [],
      body: erasure,
      summary:
        'Erases the answers of a miner to these tasks, for good; with `hotkey` only those sent as that one',
      example: () => ({ miner_uid: 7, task_ids: ['task-1'] }),
      answers: () => ({ 202: z.object({ accepted: count() }) }),
      handle: async ({ body: { miner_uid: uid, hotkey, task_ids: taskIds } }) => {
        const only = hotkey === undefined ? {} : { hotkeySha256: sha256Hex(hotkey) };
        const events = [...new Set(taskIds)].map(
          (taskId): AnswersErased => ({
            kind: 'erased',
            taskId,
            stamp: stamps.next(),
            minerUid: uid,
            ...only,
          }),
        );
        await stager.stage(events);
        return { status: 202, json: { accepted: events.length } };
      },
    }),
  ];
}

function erasure() {
  const list = expecting(`a list of 1 to ${maxEventsPerRequest} ids of tasks`);
  return members({
    miner_uid: minerUid(),
    hotkey: optional(text(maxHotkeyLength)),
    task_ids: z.array(anyTaskId(), list).check(z.minLength(1, list), z.maxLength(maxEventsPerRequest, list)),
  });
}

/** The id of any task, also one that another system gave its own. */
function anyTaskId() {
  const isId = (id: unknown): boolean => typeof id === 'string' && idFault(id) === undefined;
  const shape = z.meta({ type: 'string', examples: ['task-1'] });
  return z.custom<string>(isId, expecting('the id of a task')).check(shape);
}
