import { stampMs } from '../events/stamp.ts';
import { defaultListedLetters, maxListedLetters } from '../flush/limits.ts';
import { expected, queryInteger, queryText } from '../http/fields.ts';
import type { ApiRequest, ApiResponse, Route } from '../http/route.ts';
import { isDeadLetterId } from '../staging/deadLetterName.ts';
import type { DeadLetterBox } from './deadLetterBox.ts';

/** The routes by which an operator sees, replays and drops dead letters. */
export function deadLetterRoutes({ box }: { box: DeadLetterBox }): Route[] {
  const root = '/v1/dead-letters';
  const one = `${root}/:id`;
  return [
    { method: 'GET', path: root, access: [], handle: (request) => list(box, request) },
    {
      method: 'GET',
      path: one,
      access: [],
      handle: async (request) => ({ status: 200, json: await box.read(idOf(request)) }),
    },
    { method: 'POST', path: `${one}/replay`, access: [], handle: (request) => replay(box, request) },
    { method: 'DELETE', path: one, access: [], handle: (request) => remove(box, request) },
  ];
}

async function list(box: DeadLetterBox, { query }: ApiRequest): Promise<ApiResponse> {
  const limit = queryInteger(query, 'limit', { most: maxListedLetters, otherwise: defaultListedLetters });
  const cursor = queryText(query, 'cursor');
  const letters = await box.list(limit, cursor && checkedId(cursor, 'cursor'));
  const next = letters.length === limit ? letters.at(-1)?.id : undefined;
  return { status: 200, json: { dead_letters: letters, next_cursor: next ?? null } };
}

async function replay(box: DeadLetterBox, request: ApiRequest): Promise<ApiResponse> {
  const id = idOf(request);
  const stamp = await box.replay(id);
  const accepted_at = stamp === undefined ? null : new Date(stampMs(stamp)).toISOString();
  return { status: 202, json: { id, replayed: true, accepted_at } };
}

async function remove(box: DeadLetterBox, request: ApiRequest): Promise<ApiResponse> {
  const id = idOf(request);
  await box.remove(id);
  return { status: 200, json: { id, deleted: true } };
}

function idOf({ params }: ApiRequest): string {
  return checkedId(params['id'] ?? '', 'id');
}

function checkedId(id: string, name: string): string {
  if (!isDeadLetterId(id)) throw expected(name, 'the id of a dead letter', id);
  return id;
}
