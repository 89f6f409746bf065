import type * as z from 'zod/mini';
import { once } from '../platform/once.ts';
import { readJson } from './body.ts';
import type { ApiRequest, ApiResponse, Route } from './route.ts';
import { read, type Schema } from './schema.ts';

/** The inputs of a request, as the schemas of its route read them. */
interface Inputs<Params extends Schema, Query extends Schema, Body extends Schema> {
  params: z.output<Params>;
  query: z.output<Query>;
  body: z.output<Body>;
}

interface RouteDefinition<Params extends Schema, Query extends Schema, Body extends Schema>
  extends Omit<Route, 'handle' | 'params' | 'query' | 'body'> {
  /** The parameters in the path, by name. */
  params?: () => Params;
  /** The parameters behind the path: texts by name, of several of one name the first. */
  query?: () => Query;
  /** The JSON of the body. No body at all is read as undefined where the schema takes that. */
  body?: () => Body;
  handle(inputs: Inputs<Params, Query, Body>, request: ApiRequest): Promise<ApiResponse>;
}

/**
 * A route whose inputs are read by their schemas before it is handled, and described by them. Each schema is made once,
 * when it is first used: the start of a function makes none.
 */
export function defineRoute<Params extends Schema, Query extends Schema, Body extends Schema>(
  definition: RouteDefinition<Params, Query, Body>,
): Route {
  const { handle } = definition;
  const params = definition.params && once(definition.params);
  const query = definition.query && once(definition.query);
  const body = definition.body && once(definition.body);
  return {
    ...definition,
    // Not async: under the hooks of the Functions Framework each promise of a request costs.
    handle: (request) =>
      handle(
        {
          params: params && read(params(), request.params, 'path'),
          query: query && read(query(), Object.fromEntries([...request.query].reverse()), 'query'),
          body: body && read(body(), bodyOf(request, body())),
        } as Inputs<Params, Query, Body>,
        request,
      ),
  };
}

function bodyOf(request: ApiRequest, { _zod: { optin } }: Schema): unknown {
  return request.body.length === 0 && optin === 'optional' ? undefined : readJson(request);
}
