import assert from 'node:assert/strict';
import { count, pageOf, textLike } from '../../functions/src/http/answers.ts';
import { defineRoute } from '../../functions/src/http/defineRoute.ts';
import { exampleOf } from '../../functions/src/http/examples.ts';
import { openApi } from '../../functions/src/http/openapi.ts';
import { openapiRoute } from '../../functions/src/http/openapiRoute.ts';
import { limit } from '../../functions/src/http/parameters.ts';
import type { ApiRequest } from '../../functions/src/http/route.ts';
import { members, optional, text } from '../../functions/src/http/schema.ts';
import { ManualClock } from '../support/clock.ts';
import { serveRoutes } from '../support/http.ts';
import { memoryLogger } from '../support/logger.ts';

const listed = defineRoute({
  method: 'GET',
  path: '/things/:thing_id',
  access: ['read'],
  params: () => members({ thing_id: text(5) }),
  query: () => members({ limit: limit({ most: 5, otherwise: 2 }) }),
  summary: 'Things',
  headers: ['If-None-Match'],
  answers: () => ({
    200: { description: 'A page', schema: pageOf('things', members({ name: textLike('x'), n: count() })) },
    304: { description: 'As it was' },
  }),
  refusals: ['not_found'],
  handle: async () => ({ status: 200 }),
});

const made = defineRoute({
  method: 'POST',
  path: '/things/:thing_id',
  access: [],
  params: () => members({ thing_id: text(5) }),
  body: () => optional(members({ name: text(3) })),
  summary: 'Makes',
  headers: ['Idempotency-Key'],
  answers: () => ({ 201: { description: 'Made' } }),
  handle: async () => ({ status: 201 }),
});

type Operation = {
  parameters: { name: string; in: string; required: boolean; schema: object; example?: string }[];
  requestBody?: { required: boolean };
  responses: Record<string, { content?: Record<string, { example: unknown }> }>;
  description: string;
};

describe('an OpenAPI document', () => {
  const { paths } = openApi([listed, made]) as { paths: Record<string, Record<string, Operation>> };
  const { get, post } = paths['/things/{thing_id}'] ?? {};

  it('has the parameters of path, query and headers', () => {
    assert.deepEqual(
      get?.parameters.map(({ name, in: place, required }) => [name, place, required]),
      [
        ['thing_id', 'path', true],
        ['limit', 'query', false],
        ['If-None-Match', 'header', false],
      ],
    );
    assert.deepEqual(get?.parameters[1]?.schema, { type: 'integer', minimum: 1, maximum: 5, default: 2 });
    assert.equal(get?.parameters[0]?.example, 'text');
    assert.deepEqual(
      post?.parameters.map(({ name }) => name),
      ['thing_id', 'Idempotency-Key'],
    );
  });

  it('says who may call, and which answers and refusals there are', () => {
    assert.equal(get?.description, 'For keys of role proxy, read, admin.');
    assert.deepEqual(Object.keys(get?.responses ?? {}), '200 304 400 401 403 404 405 429 500 503'.split(' '));
    assert.deepEqual(
      Object.keys(post?.responses ?? {}),
      '201 400 401 403 405 413 415 429 500 503'.split(' '),
    );
    assert.equal(post?.requestBody?.required, false);
  });

  it('has examples that are made of the schemas', () => {
    assert.deepEqual(get?.responses['200']?.content?.['application/json']?.example, {
      things: [{ name: 'x', n: 1 }],
      next_cursor: 'text',
    });
    assert.deepEqual(exampleOf({ type: 'array', items: { enum: ['a', 'b'] } }), ['a']);
    assert.deepEqual(exampleOf({ anyOf: [{ type: 'boolean' }] }), true);
    assert.deepEqual(exampleOf({ const: 5 }), 5);
    assert.deepEqual(exampleOf({}), null);
  });

  it('is served with itself in it, made once', async () => {
    let asked = 0;
    const route = openapiRoute(async () => {
      asked += 1;
      return [listed];
    });
    const server = await serveRoutes([route], { clock: new ManualClock(), logger: memoryLogger() });
    try {
      for (let turn = 0; turn < 2; turn += 1) {
        const { status, json } = await server.call('/openapi.json');
        assert.equal(status, 200);
        assert.deepEqual(Object.keys(json['paths'] as object), ['/things/{thing_id}', '/openapi.json']);
      }
      assert.equal(asked, 1);
    } finally {
      await server.close();
    }
  });
});

describe('GET /openapi.json after its routes could not be loaded', () => {
  it('loads them again', async () => {
    let loads = 0;
    const route = openapiRoute(async () => {
      loads += 1;
      if (loads === 1) throw new Error('not loaded');
      return [listed];
    });
    const request = {} as ApiRequest;
    await assert.rejects(route.handle(request), /not loaded/);
    assert.equal((await route.handle(request)).status, 200);
    assert.equal((await route.handle(request)).status, 200);
    assert.equal(loads, 2);
  });
});
