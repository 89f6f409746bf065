import { STATUS_CODES } from 'node:http';
import * as z from 'zod/mini';
import manifest from '../../package.json' with { type: 'json' };
import { type ErrorCode, errorCodes } from '../platform/errors.ts';
import { exampleOf, type JsonSchema } from './examples.ts';
import { allowedRoles } from './roles.ts';
import type { Content, DescribedAnswer, Route } from './route.ts';
import type { Schema } from './schema.ts';

/** The routes as an OpenAPI document (https://spec.openapis.org/oas/v3.1.1). */
export function openApi(routes: readonly Route[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) };
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Sluice',
      version: manifest.version,
      description: 'Durable, batched, quota-safe writes to Firestore.',
    },
    servers: [{ url: '/' }],
    security: [{ key: [] }, { bearer: [] }, { basic: [] }],
    paths,
    components: {
      securitySchemes: {
        key: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
        bearer: { type: 'http', scheme: 'bearer' },
        basic: { type: 'http', scheme: 'basic', description: 'The key is the password.' },
      },
      schemas: { Problem: jsonOf(problem(), 'output') },
    },
  };
}

function problem(): Schema {
  return z.looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.enum(Object.keys(errorCodes)),
    detail: z.string(),
    request_id: z.string(),
  });
}

function operationOf(route: Route): object {
  const { summary, body, example, bodies, headers = [] } = route;
  const roles = route.access === 'public' ? undefined : allowedRoles(route.access).join(', ');
  const contents = body ? { 'application/json': { schema: body(), example: example?.() } } : bodies?.();
  return {
    operationId: `${route.method.toLowerCase()}${route.path.replaceAll(/\W+/g, '_')}`,
    summary,
    ...(roles === undefined ? { security: [] } : { description: `For keys of role ${roles}.` }),
    parameters: [
      ...parametersOf('path', route.params),
      ...parametersOf('query', route.query),
      ...headers.map((name) => ({ name, in: 'header', required: false, schema: { type: 'string' } })),
    ],
    ...(contents && {
      requestBody: {
        required: body?.()._zod.optin !== 'optional',
        content: mapValues(contents, (content) => contentOf(content, 'input')),
      },
    }),
    responses: { ...mapValues(route.answers(), answerOf), ...refusalsOf(route) },
  };
}

function parametersOf(place: 'path' | 'query', schema: (() => Schema) | undefined): object[] {
  const { properties = {}, required = [] } = schema ? jsonOf(schema(), 'input') : {};
  return Object.entries(properties).map(([name, property]) => {
    const isRequired = required.includes(name);
    const parameter = { name, in: place, required: isRequired, schema: property };
    return isRequired ? { ...parameter, example: exampleOf(property) } : parameter;
  });
}

function answerOf(answer: Schema | DescribedAnswer, status: string): object {
  const described: DescribedAnswer = '_zod' in answer ? { schema: answer } : answer;
  const {
    description = STATUS_CODES[status],
    mediaType = 'application/json',
    headers,
    ...content
  } = described;
  const isEmpty = content.schema === undefined && content.example === undefined;
  return {
    description,
    headers: headersOf(headers),
    ...(isEmpty ? {} : { content: { [mediaType]: contentOf(content, 'output') } }),
  };
}

function headersOf(names: readonly string[] = []): object {
  const header = { required: true, schema: { type: 'string' } };
  return Object.fromEntries(['X-Request-Id', ...names].map((name) => [name, header]));
}

/** Headers of refusals by status, beside `Retry-After` where a later try may work. */
const refusalHeaders: Readonly<Record<number, string>> = {
  401: 'WWW-Authenticate',
  405: 'Allow',
  416: 'Content-Range',
};

/** Refusals by status: those of the route, and those that all routes like it have. */
function refusalsOf({ access, params, query, body, bodies, refusals = [] }: Route): Record<string, object> {
  const hasBody = body !== undefined || bodies !== undefined;
  const codes: ErrorCode[] = [
    ...(params || query || hasBody ? (['invalid_request'] as const) : []),
    ...(access === 'public' ? [] : (['unauthenticated', 'forbidden', 'rate_limited'] as const)),
    ...(hasBody ? (['payload_too_large', 'unsupported_media_type'] as const) : []),
    ...refusals,
    'method_not_allowed',
    'internal',
    'unavailable',
  ];
  const byStatus = Map.groupBy(codes, (code) => errorCodes[code].status);
  const content = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };
  return Object.fromEntries(
    [...byStatus].map(([status, all]) => {
      const description = `${STATUS_CODES[status]}: ${[...new Set(all)].join(', ')}`;
      const retryAfter = all.some((code) => errorCodes[code].retryable) ? ['Retry-After'] : [];
      const headers = headersOf([...retryAfter, refusalHeaders[status] ?? []].flat());
      return [status, { description, headers, content }];
    }),
  );
}

function contentOf({ schema, example }: Content, io: 'input' | 'output'): object {
  const json = schema && jsonOf(schema, io);
  return { ...(json && { schema: json }), example: example ?? exampleOf(json ?? {}) };
}

function jsonOf(schema: Schema, io: 'input' | 'output'): JsonSchema {
  const { $schema: _, ...json } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    // Of a schema that transforms its input, Zod would leave out the default.
    override: ({ zodSchema, jsonSchema }) => {
      const { def } = zodSchema._zod;
      if (def.type === 'default') jsonSchema.default = def.defaultValue;
    },
  });
  return json as JsonSchema;
}

function mapValues<Value>(
  record: Readonly<Record<string, Value>>,
  map: (value: Value, name: string) => object,
): Record<string, object> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value, name)]));
}
