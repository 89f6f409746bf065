import assert from 'node:assert/strict';
import * as z from 'zod/mini';
import type { ApiResponse, Route, ServedRoute } from '../../functions/src/http/route.ts';

/** The route, which fails where an answer to what it accepts is not as it describes that for openapi.json. */
export function asDescribed(route: ServedRoute | Route): ServedRoute {
  if (!('answers' in route)) return route;
  return {
    ...route,
    handle: async (request) => {
      const response = await route.handle(request);
      try {
        if (response.status < 400) check(route, response);
      } catch (error) {
        // The caller gets no more than a status.
        console.error(error);
        throw error;
      }
      return response;
    },
  };
}

function check({ method, path, answers }: Route, { status, json, headers }: ApiResponse): void {
  const described = answers()[status];
  assert.ok(described, `${method} ${path}: an answer ${status} that is not described`);
  const schema = '_zod' in described ? described : described.schema;
  if (schema === undefined || json === undefined) return;
  const type = headers?.['content-type'] ?? '';
  const isText = type !== '' && (typeof json === 'string' || Buffer.isBuffer(json));
  const value: unknown = isText && !/^application\/.*json/.test(type) ? json : parsed(json, isText);
  const { error } = z.safeParse(schema, value);
  assert.equal(error, undefined, `${method} ${path}: ${JSON.stringify(error?.issues)}`);
}

/** JSON as a caller reads it. */
function parsed(json: unknown, isText: boolean): unknown {
  return JSON.parse(isText ? String(json) : JSON.stringify(json));
}
