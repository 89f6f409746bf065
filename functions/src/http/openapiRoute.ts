import { onceAsync } from '../platform/once.ts';
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
    answers: () => ({ 200: { description: 'An OpenAPI document', example: { openapi: '3.1.1' } } }),
    handle: async () => ({ status: 200, json: await document() }),
  };
  return route;
}
