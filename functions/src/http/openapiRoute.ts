import * as z from 'zod/mini';
import { onceAsync } from '../platform/once.ts';
import { textLike } from './answers.ts';
import type { Route } from './route.ts';

/** `GET /openapi.json`: these routes and itself, described when they are first asked for. */
export function openapiRoute(routes: () => Promise<readonly Route[]>): Route {
  const document = onceAsync(async () => {
    const { openApi } = await import('./openapi.ts');
    return openApi([...(await routes()), route]);
  });
  const route: Route = {
    method: 'GET',
    path: '/openapi.json',
    access: 'public',
    summary: 'Describes all routes',
    answers: () => {
      const info = z.looseObject({ title: z.string(), version: z.string() });
      return { 200: z.looseObject({ openapi: textLike('3.1.1'), info, paths: z.looseObject({}) }) };
    },
    handle: async () => ({ status: 200, json: await document() }),
  };
  return route;
}
