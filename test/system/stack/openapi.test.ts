import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { roles } from '../../../functions/src/http/roles.ts';
import { readHostingConfig } from '../../../local/hosting/config.ts';
import { type LocalStack, startStack } from '../../../local/stack.ts';
import { installation, pageCommands } from '../../support/pageCommands.ts';
import { brokenBodies, type JsonSchema } from './brokenBodies.ts';

// Off the cloud, the client would look for a metadata server.
process.env['METADATA_SERVER_DETECTION'] ??= 'none';

const root = join(import.meta.dirname, '../../..');

interface Content {
  schema?: JsonSchema;
  example?: unknown;
}

interface Operation {
  summary: string;
  description?: string;
  security?: [];
  parameters: { name: string; in: string; required: boolean; schema: JsonSchema; example?: string }[];
  requestBody?: { required: boolean; content: Record<string, Content> };
  responses: Record<string, { content?: Record<string, Content>; headers: Record<string, object> }>;
}

interface Call {
  method: string;
  path: string;
  operation: Operation;
}

/** Headers that are described wherever they are sent. */
const describedHeaders =
  'ETag Retry-After Location X-Request-Id X-Firestore-Reads X-Poll-After WWW-Authenticate Allow Content-Range'.split(
    ' ',
  );

interface Answer {
  status: number;
  headers: Headers;
  type: string;
  text: string;
  json: Record<string, unknown>;
}

describe('openapi.json', function () {
  this.timeout(120_000);
  let stack: LocalStack;
  let calls: Call[];
  let ajv: Ajv2020;

  before(async () => {
    stack = await startStack({ ports: 'free', quiet: true });
    const document = (await (await fetch(`${stack.urls.hosting}/openapi.json`)).json()) as {
      openapi: string;
      paths: Record<string, Record<string, Operation>>;
      components: object;
    };
    assert.equal(document.openapi, '3.1.1');
    calls = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, operation]) => ({
        method: method.toUpperCase(),
        path,
        operation,
      })),
    );
    ajv = new Ajv2020({ strict: false, validateFormats: false });
    ajv.addSchema(document, 'document');
  });
  after(() => stack.close());

  /** Says why a value does not fit a schema of the document; undefined where it does. */
  function misfits(schema: JsonSchema, value: unknown): string | undefined {
    const local = JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"document#/')) as object;
    return ajv.validate(local, value) ? undefined : ajv.errorsText();
  }

  /** A path with the examples of its parameters, or with others. */
  function filled({ path, operation }: Call, others: Record<string, string> = {}): string {
    const value = ({ name, example, schema }: Operation['parameters'][number]): string =>
      others[name] ?? example ?? String(schema['examples']?.[0] ?? 'none');
    const parameters = operation.parameters.filter((each) => each.in !== 'header');
    const place = (where: string) => parameters.filter((each) => each.in === where);
    const query = place('query').filter(({ name, example }) => (others[name] ?? example) !== undefined);
    const segments = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
      const parameter = place('path').find((each) => each.name === name);
      assert.ok(parameter, `${path}: ${name} is not described`);
      return encodeURIComponent(value(parameter));
    });
    return `${segments}?${new URLSearchParams(Object.fromEntries(query.map((each) => [each.name, value(each)])))}`;
  }

  async function send(
    { method }: Call,
    target: string,
    { key, type, body }: { key?: string | undefined; type?: string; body?: string | FormData | undefined },
  ): Promise<Answer> {
    const answer = await fetch(stack.urls.hosting + target, {
      method,
      headers: { ...(key && { 'x-api-key': key }), ...(type && { 'content-type': type }) },
      body: body ?? null,
      redirect: 'manual',
    });
    const text = await answer.text();
    const mediaType = answer.headers.get('content-type')?.split(';')[0] ?? '';
    const json = mediaType.endsWith('json') ? (JSON.parse(text) as Record<string, unknown>) : {};
    return { status: answer.status, headers: answer.headers, type: mediaType, text, json };
  }

  /** An answer is one that the operation describes, also where that is an error. */
  function checkDescribed({ method, path, operation }: Call, answer: Answer, what: string): void {
    const about = `${method} ${path}, ${what}: ${answer.status} ${answer.text.slice(0, 300)}`;
    const described = operation.responses[String(answer.status)];
    assert.ok(described, about);
    assert.notEqual(answer.json['detail'], 'There is no such route.', about);
    const sent = describedHeaders.filter((name) => answer.headers.has(name));
    assert.deepEqual(sent.toSorted(), Object.keys(described.headers).toSorted(), about);
    if (answer.text === '') return;
    const content = described.content?.[answer.type] ?? described.content?.['*/*'];
    assert.ok(content, `${about} (${answer.type})`);
    if (answer.type.endsWith('json') && content.schema) {
      assert.equal(misfits(content.schema, answer.json), undefined, about);
    }
  }

  function bodyOf(type: string, example: unknown): { type?: string; body: string | FormData } {
    if (type.endsWith('/json')) return { type, body: JSON.stringify(example) };
    if (type === 'application/x-www-form-urlencoded')
      return { type, body: String(new URLSearchParams(example as Record<string, string>)) };
    if (type !== 'multipart/form-data') return { type, body: String(example) };
    const form = new FormData();
    for (const [name, value] of Object.entries(example as Record<string, string>)) {
      if (value === 'the bytes') form.append(name, new Blob([value]), 'a.wav');
      else form.append(name, value);
    }
    return { body: form };
  }

  /** The calls of an operation that it describes: one for each media type of its body. */
  function validCalls(call: Call): { what: string; sent: { type?: string; body?: string | FormData } }[] {
    const contents = Object.entries(call.operation.requestBody?.content ?? {});
    if (contents.length === 0) return [{ what: 'as described', sent: {} }];
    return contents.map(([type, { example }]) => ({ what: `as ${type}`, sent: bodyOf(type, example) }));
  }

  it('has an example of every body and answer, which fits its schema', () => {
    for (const { method, path, operation } of calls) {
      assert.ok(operation.summary.length > 0, path);
      const bodies = operation.requestBody?.content ?? {};
      const answers = Object.entries(operation.responses)
        .filter(([status]) => Number(status) < 400)
        .map(([, answer]) => answer.content ?? {});
      for (const [type, { schema, example }] of [bodies, ...answers].flatMap((all) => Object.entries(all))) {
        assert.notEqual(example, undefined, `${method} ${path} ${type}`);
        // All that a form holds is text.
        if (schema && type.endsWith('/json'))
          assert.equal(misfits(schema, example), undefined, `${method} ${path} ${type}`);
      }
    }
  });

  it('describes calls that are taken, and their answers, through Hosting', async () => {
    for (const call of calls) {
      for (const { what, sent } of validCalls(call)) {
        const ask = (): Promise<Answer> => send(call, filled(call), { key: stack.keys['admin'], ...sent });
        let answer = await ask();
        // On a machine that is busy a service may be late: the answer says to ask again.
        for (let again = 0; answer.status === 503 && again < 3; again += 1) answer = await ask();
        checkDescribed(call, answer, what);
        assert.ok(
          answer.status < 400 || [404, 409].includes(answer.status),
          `${call.method} ${call.path}, ${what}: ${answer.status} ${answer.text}`,
        );
      }
    }
  });

  it('says who may call: nobody without a key, and no key of another role', async () => {
    for (const call of calls.filter(({ operation }) => operation.security === undefined)) {
      const without = await send(call, filled(call), {});
      checkDescribed(call, without, 'without a key');
      assert.equal(without.status, 401);
      const allowed =
        /^For keys of role (.*)\.$/.exec(call.operation.description ?? '')?.[1]?.split(', ') ?? [];
      assert.ok(allowed.includes('admin'), call.path);
      for (const role of roles.filter((each) => !allowed.includes(each))) {
        const answer = await send(call, filled(call), { key: stack.keys[role] });
        checkDescribed(call, answer, `as ${role}`);
        assert.equal(answer.status, 403, `${call.method} ${call.path} as ${role}`);
      }
      if (!allowed.includes('proxy')) continue;
      const asProxy = await send(call, filled(call), { key: stack.keys['proxy'] });
      assert.notEqual(asProxy.status, 403, `${call.method} ${call.path} as proxy`);
    }
  });

  it('describes what is refused: parameters that do not fit their schemas', async () => {
    for (const call of calls) {
      for (const { name, schema } of call.operation.parameters.filter((each) => each.in !== 'header')) {
        const wrong = ['-1', 'no such value', '9'.repeat(12), 'a b/c'].find(
          (text) => misfits(schema, schema['type'] === 'integer' ? Number(text) : text) !== undefined,
        );
        if (wrong === undefined) continue;
        const answer = await send(call, filled(call, { [name]: wrong }), { key: stack.keys['admin'] });
        checkDescribed(call, answer, `${name}=${wrong}`);
        assert.equal(answer.status, 400, `${call.method} ${call.path} ${name}=${wrong} ${answer.text}`);
        assert.match(String(answer.json['detail']), new RegExp(`^${name}: expected `));
      }
    }
  });

  it('describes what is refused: bodies that do not fit their schemas', async () => {
    for (const call of calls) {
      const { content = {} } = call.operation.requestBody ?? {};
      const { schema, example } = content['application/json'] ?? {};
      if (schema === undefined) continue;
      for (const [what, body] of brokenBodies(schema, example, misfits)) {
        const sent = { key: stack.keys['admin'], type: 'application/json', body: JSON.stringify(body) };
        const answer = await send(call, filled(call), sent);
        checkDescribed(call, answer, what);
        const isRefused = answer.status === 400 || answer.status === 422;
        // A batch goes on without the item, and what existing miners send is kept as far as it can be.
        const isSaid = ['warnings', 'rejected'].some((name) => (answer.json[name] as [] | undefined)?.length);
        assert.ok(
          isRefused || isSaid,
          `${call.method} ${call.path}, ${what}: ${answer.status} ${answer.text}`,
        );
      }
    }
  });

  it('describes what is refused: methods that a path does not have', async () => {
    for (const call of calls) {
      const answer = await send({ ...call, method: 'PUT' }, filled(call), { key: stack.keys['admin'] });
      checkDescribed(call, answer, 'as PUT');
      assert.equal(answer.status, 405);
      assert.ok(answer.headers.get('allow')?.split(', ').includes(call.method), call.path);
    }
  });

  it('describes what is refused: media types that are not among those of the body', async () => {
    for (const call of calls.filter(({ operation }) => operation.requestBody !== undefined)) {
      if (call.operation.requestBody?.content['application/octet-stream']) continue;
      const answer = await send(call, filled(call), {
        key: stack.keys['admin'],
        type: 'image/png',
        body: 'x',
      });
      checkDescribed(call, answer, 'as image/png');
      assert.ok([400, 415].includes(answer.status), `${call.method} ${call.path} ${answer.text}`);
    }
  });

  it('has a route for every rewrite of firebase.json, and a rewrite for every route', () => {
    const { rewrites } = readHostingConfig(join(root, 'firebase.json'));
    const used = calls.map((call) => {
      const path = decodeURIComponent(new URL(filled(call), stack.urls.hosting).pathname);
      const rewrite = rewrites.find(({ pattern }) => pattern.test(path));
      assert.ok(rewrite, path);
      return rewrite;
    });
    const unused = rewrites.filter((rewrite) => !used.includes(rewrite));
    assert.deepEqual(unused, []);
  });

  it('has the routes and roles that docs/api.md has', () => {
    const text = readFileSync(join(root, 'docs/api.md'), 'utf8');
    const rows = [...text.matchAll(/^\| `(\w+) ([^`?]+)[^|]*` \| ([^|]+) \|/gm)];
    const documented = rows.map(([, method, path, who]) => `${method} ${path} ${sorted(who ?? '')}`);
    const described = calls.map(({ method, path, operation: { description } }) => {
      const who = description?.replace(/^For keys of role |\.$/g, '') ?? 'none';
      const named = who === 'admin' ? who : who.replace(', admin', '');
      // The page says once whose routes a proxy may call.
      const isIncluded = /ingest|read/.test(named);
      const shown = named.split(', ').filter((role) => !(isIncluded && role === 'proxy'));
      return `${method} ${path} ${sorted(shown.join(', '))}`;
    });
    assert.deepEqual(documented.toSorted(), described.toSorted());
  });

  it('has the calls that operators’ pages show, whose bodies fit', () => {
    const shown = pageCommands().filter(({ argv }) => argv[0] === 'curl');
    assert.ok(shown.length > 15);
    for (const { page, argv } of shown) {
      const about = `${page}: ${argv.join(' ')}`;
      const given = (flag: string): string | undefined => argv[argv.indexOf(flag) + 1 || argv.length];
      const target = new URL(argv.find((each) => each.startsWith(installation)) ?? assert.fail(about));
      const call = calls.find(
        ({ method, path }) =>
          method === (given('-X') ?? 'GET') &&
          new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(target.pathname),
      );
      assert.ok(call, about);
      const names = call.operation.parameters.map(({ name }) => name);
      for (const name of target.searchParams.keys()) assert.ok(names.includes(name), about);
      const body = given('-d');
      const { schema } = call.operation.requestBody?.content['application/json'] ?? {};
      if (body === undefined) assert.ok(!call.operation.requestBody?.required, about);
      else assert.equal(misfits(schema ?? assert.fail(about), JSON.parse(body)), undefined, about);
      assert.ok(argv.includes('X-API-Key: ADMIN_KEY'), about);
    }
  });

  function sorted(names: string): string {
    return names.trim().split(', ').toSorted().join(', ');
  }
});
