import { queryFlag } from '../http/fields.ts';
import type { Route } from '../http/route.ts';
import type { StatusReader } from './status.ts';

/** `GET /v1/status`; always 200, with nulls for what cannot be known now. */
export function statusRoutes({ status }: { status: StatusReader }): Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/status',
      access: ['read'],
      handle: async ({ query }) => ({
        status: 200,
        json: await status.read(queryFlag(query, 'detail')),
      }),
    },
  ];
}

/** Whether the process answers; asks nothing of anybody. */
export function healthRoutes(): Route[] {
  return ['/healthz', '/health'].map((path) => ({
    method: 'GET',
    path,
    access: 'public',
    handle: async () => ({ status: 200, json: { status: 'ok' } }),
  }));
}
