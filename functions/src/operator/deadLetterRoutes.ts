import * as z from 'zod/mini';
import { stampMs } from '../events/stamp.ts';
import { count, moment, pageOf, textLike } from '../http/answers.ts';
import { defineRoute } from '../http/defineRoute.ts';
import { limit } from '../http/parameters.ts';
import type { Route } from '../http/route.ts';
import { expecting, optional } from '../http/schema.ts';
import { isDeadLetterId } from '../staging/deadLetterName.ts';
import {
  type DeadLetterOptions,
  listLetters,
  readLetter,
  removeLetter,
  replayLetter,
} from './deadLetters.ts';
import { defaultListedLetters, maxListedLetters } from './limits.ts';

const root = '/v1/dead-letters';
const one = { path: `${root}/:id`, access: [], params: () => z.object({ id: letterId() }) } as const;

/** The routes by which an operator sees, replays and drops dead letters. */
export function deadLetterRoutes(options: DeadLetterOptions): Route[] {
  return [list(options), show(options), replay(options), remove(options)];
}

function letterId() {
  const isId = (id: unknown): boolean => typeof id === 'string' && isDeadLetterId(id);
  const shape = z.meta({ type: 'string', examples: ['0'.repeat(64)] });
  return z.custom<string>(isId, expecting('the id of a dead letter')).check(shape);
}

function list(options: DeadLetterOptions): Route {
  return defineRoute({
    method: 'GET',
    path: root,
    access: [],
    query: () =>
      z.object({
        limit: limit({ most: maxListedLetters, otherwise: defaultListedLetters }),
        cursor: optional(letterId()),
      }),
    summary: 'A page of dead letters, in the order of their ids',
    answers: () => ({ 200: pageOf('dead_letters', listed()) }),
    handle: async ({ query: { limit, cursor } }) => {
      const letters = await listLetters(options, limit, cursor);
      const next = letters.length === limit ? letters.at(-1)?.id : undefined;
      return { status: 200, json: { dead_letters: letters, next_cursor: next ?? null } };
    },
  });
}

function listed() {
  const told = () => z.nullable(z.string());
  return z.object({
    ...{ id: z.string(), reason: told(), detail: told(), at: moment(), kind: told(), target: told() },
    bytes: count(),
  });
}

function show(options: DeadLetterOptions): Route {
  return defineRoute({
    method: 'GET',
    ...one,
    summary: 'A dead letter, whole',
    answers: () => ({ 200: z.looseObject({ id: z.string(), reason: z.string() }) }),
    refusals: ['not_found', 'conflict'],
    handle: async ({ params: { id } }) => ({ status: 200, json: await readLetter(options, id) }),
  });
}

function replay(options: DeadLetterOptions): Route {
  return defineRoute({
    method: 'POST',
    ...one,
    path: `${root}/:id/replay`,
    summary: 'Sends what a dead letter holds to be written again, and takes the letter away',
    answers: () => ({
      202: z.object({
        id: textLike('…'),
        replayed: z.literal(true),
        accepted_at: z.nullable(moment()),
      }),
    }),
    refusals: ['not_found', 'conflict'],
    handle: async ({ params: { id } }) => {
      const stamp = await replayLetter(options, id);
      const accepted_at = stamp === undefined ? null : new Date(stampMs(stamp)).toISOString();
      return { status: 202, json: { id, replayed: true, accepted_at } };
    },
  });
}

function remove(options: DeadLetterOptions): Route {
  return defineRoute({
    method: 'DELETE',
    ...one,
    summary: 'Drops a dead letter for good',
    answers: () => ({ 200: z.object({ id: z.string(), deleted: z.literal(true) }) }),
    refusals: ['not_found'],
    handle: async ({ params: { id } }) => {
      await removeLetter(options, id);
      return { status: 200, json: { id, deleted: true } };
    },
  });
}
