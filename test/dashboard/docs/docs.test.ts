import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  type Contract,
  filtered,
  groupsOf,
  readContract,
  type Schema,
} from '../../../dashboard/src/docs/contract.ts';
import { curlOf } from '../../../dashboard/src/docs/curl.ts';
import { type Shape, shapeOf } from '../../../dashboard/src/docs/shape.ts';

const task: Schema = {
  type: 'object',
  properties: {
    id: { type: 'string', minLength: 1, maxLength: 64 },
    miner: { type: 'integer', minimum: 0, maximum: 65_535 },
    at: { type: 'string', format: 'date-time' },
    parent: { $ref: '#/components/schemas/Task' },
  },
  required: ['id'],
  additionalProperties: {},
};
const problem = { content: { 'application/problem+json': { schema: {} } } };
const contract: Contract = {
  info: { version: '1' },
  components: { schemas: { Task: task } },
  paths: {
    '/v1/new/{id}': { get: { summary: 'Something new', description: 'For keys of role read, admin.' } },
    '/v1/tasks': {
      post: {
        summary: 'Creates a task',
        description: 'For keys of role ingest.',
        parameters: [
          { name: 'Idempotency-Key', in: 'header', schema: { type: 'string' } },
          { name: 'mode', in: 'query', required: true, schema: {}, example: 'a b&c' },
        ],
        requestBody: {
          required: true,
          content: { 'application/json': { schema: task, example: { text: `it's "$HOME" \\ \`id\`` } } },
        },
        responses: { 202: { description: 'Accepted', headers: { 'X-Request-Id': {} } }, 400: problem },
      },
    },
    '/healthz': { get: { security: [], responses: { 200: { content: { 'text/plain': {} } } } } },
  },
};
const groups = groupsOf(contract);
const routes = groups.flatMap((group) => group.routes);
const fieldOf = ({ fields }: Shape, name: string): Shape | undefined =>
  fields.find((field) => field.name === name)?.shape;

describe('the page of the API', () => {
  it('shows every route once, in groups, with roles, answers and refusals', () => {
    assert.deepEqual(
      groups.map(({ title, routes: shown }) => [title, shown.map(({ id }) => id)]),
      [
        ['Tasks', ['post-v1-tasks']],
        ['Others', ['get-v1-new-id', 'get-healthz']],
      ],
    );
    const [post, added, health] = routes;
    assert.deepEqual([post?.roles, added?.roles, health?.roles], [['ingest'], ['read', 'admin'], undefined]);
    assert.deepEqual(
      post?.answers.map(({ status, headers }) => [status, headers]),
      [['202', ['X-Request-Id']]],
    );
    assert.deepEqual(
      post?.refusals.map(({ status }) => status),
      ['400'],
    );
    assert.equal(health?.answers.length, 1);
  });

  it('finds routes by every word: of path, summary, role, method, parameter', () => {
    const found = (search: string): string[] =>
      filtered(groups, search).flatMap((group) => group.routes.map(({ path }) => path));
    assert.equal(found('').length, 3);
    assert.deepEqual(found('TASK creates'), ['/v1/tasks']);
    assert.deepEqual(found('idempotency'), ['/v1/tasks']);
    assert.deepEqual(found(' admin'), ['/v1/new/{id}']);
    assert.deepEqual(found('public get'), ['/healthz']);
    assert.deepEqual(found('task nothing'), []);
  });

  it('refuses what is no contract', () => {
    for (const value of [undefined, null, 'x', [], {}, { openapi: '2.0', paths: {} }, { openapi: '3.1.1' }])
      assert.throws(() => readContract(value), /no OpenAPI 3 document/);
    assert.equal(readContract({ ...contract, openapi: '3.1.1' }).info.version, '1');
  });

  it('says a schema in words', () => {
    const say = (schema: Schema): string => shapeOf(schema, contract).type;
    assert.equal(say({}), 'anything');
    assert.equal(say({ type: 'string', pattern: '^a$' }), 'text (like ^a$)');
    assert.equal(
      say({ type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
      'whole number (0 or more)',
    );
    assert.equal(say({ anyOf: [{ type: 'number' }, { type: 'null' }] }), 'number or null');
    assert.equal(say({ enum: ['a', 'b'], default: 'a' }), '"a" | "b"; "a" where it is missing');
    assert.equal(say({ type: 'array', items: { const: 1 }, maxItems: 3 }), 'list (up to 3) of 1');
    assert.equal(say({ type: ['string', 'null'] }), 'text or null');
  });

  it('follows references, and ends where a schema is within itself', () => {
    const shape = shapeOf({ $ref: '#/components/schemas/Task' }, contract);
    assert.equal(shape.type, 'Task: object');
    assert.deepEqual(
      shape.fields.map(({ name, isRequired }) => [name, isRequired]),
      [
        ['id', true],
        ['miner', false],
        ['at', false],
        ['parent', false],
      ],
    );
    assert.equal(fieldOf(shape, 'parent')?.type, 'Task, as above');
    assert.equal(shapeOf({ $ref: '#/components/schemas/None' }, contract).type, 'None (not described)');
    assert.equal(shapeOf({ $ref: 'https://example.com/x' }, contract).type, 'x (not described)');
    const endless: Schema = { type: 'array' };
    endless.items = { anyOf: [endless, { type: 'object', properties: { next: endless } }] };
    assert.match(shapeOf(endless, contract).type, /^list of list of .*…/);
  });

  it('shows what may be one of several, and the fields of the one that is not null', () => {
    const object: Schema = { type: 'object', properties: { a: {} } };
    const both = shapeOf({ anyOf: [object, { ...object, properties: { b: {} } }] }, contract);
    assert.deepEqual(
      both.choices.map(({ fields }) => fields[0]?.name),
      ['a', 'b'],
    );
    const nullable = shapeOf({ anyOf: [object, { type: 'null' }] }, contract);
    assert.deepEqual([nullable.type, nullable.fields[0]?.name], ['object or null', 'a']);
  });

  it('gives a command that a shell takes as it was meant', () => {
    const [post, added, health] = routes;
    assert.ok(post && added && health);
    const args = (command: string): string[] =>
      execFileSync('sh', ['-c', `curl() { printf '%s\\0' "$@"; }; SLUICE_KEY=k; ${command}`], {
        encoding: 'utf8',
      })
        .split('\0')
        .slice(0, -1);
    assert.deepEqual(args(curlOf(post, 'https://x.web.app')), [
      ...['-X', 'POST', 'https://x.web.app/v1/tasks?mode=a%20b%26c', '-H', 'X-API-Key: k'],
      ...['-H', 'Content-Type: application/json', '--data-binary', `{"text":"it's \\"$HOME\\" \\\\ \`id\`"}`],
    ]);
    assert.deepEqual(args(curlOf(added, 'http://a')), ['http://a/v1/new/ID', '-H', 'X-API-Key: k']);
    assert.deepEqual(args(curlOf(health, 'http://a')), ['http://a/healthz']);
  });
});
