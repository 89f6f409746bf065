import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { json } from 'node:stream/consumers';
import { type LocalStack, startStack } from '../../../local/stack.ts';

const mib = 1024 * 1024;
const most = 64 * mib;

/** 30 MB that a parser makes almost a gigabyte of. */
const bomb = Buffer.from(`[${'[],'.repeat(10 * mib)}[]]`);

const smallBomb = bomb.subarray(0, 8 * mib);

interface Answer {
  status: number | undefined;
  headers: IncomingMessage['headers'];
  json: Record<string, unknown>;
}

describe('The guard before the framework’s parsers', () => {
  let stack: LocalStack;
  const ports = new Map<string, number>();

  before(async function () {
    this.timeout(30_000);
    stack = await startStack({ ports: 'free', quiet: true });
    const paths = ['/v1/responses', '/healthz', '/v1/files', '/api/v1/miners/1/tasks'];
    for (const path of paths) await fetch(stack.urls.hosting + path);
    for (const { function: name, port = 0 } of stack.instances()) ports.set(name, port);
  });
  after(() => stack.close());

  /**
   * Straight to the instance: no proxy reads anything before it. Resolves with the answer, also
   * to a body not taken whole.
   */
  function send(
    name: string,
    path: string,
    headers: Record<string, string | number>,
    body: Buffer | string,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const options = {
        host: '127.0.0.1',
        port: ports.get(name),
        method: 'POST',
        path,
        headers,
        agent: false,
      };
      const sent = request(options, (answer) => {
        json(answer).then(
          (value) =>
            resolve({
              status: answer.statusCode,
              headers: answer.headers,
              json: value as Record<string, unknown>,
            }),
          reject,
        );
      });
      sent.once('error', reject);
      // A length is announced only where it is given.
      sent.setHeader('content-type', headers['content-type'] ?? 'application/json');
      sent.write(body);
      sent.end();
    });
  }

  const withLength = { 'content-length': bomb.length };
  const keyOf = (role: string) => ({ 'x-api-key': stack.keys[role] ?? '' });

  /** Six requests at once; returns their answers and by how many bytes the instance's memory rose at most. */
  async function six(
    name: string,
    path: string,
    headers: Record<string, string | number>,
    body = bomb,
  ): Promise<{ answers: Answer[]; grownBytes: number }> {
    const pid = stack.instances().find((instance) => instance.function === name)?.pid ?? 0;
    // 5 makes the peak begin anew: https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
    const before = memoryOf(pid, 'VmRSS');
    const answers = await Promise.all(Array.from({ length: 6 }, () => send(name, path, headers, body)));
    return { answers, grownBytes: memoryOf(pid, 'VmHWM') - before };
  }

  const publicFunctions = {
    ingest: '/v1/responses',
    api: '/v1/tasks',
    files: '/v1/files',
    polls: '/v1/keys',
  };

  it('is in every function that strangers reach', () => {
    const names = stack.functions.filter(({ trigger }) => trigger.kind === 'https').map(({ name }) => name);
    assert.deepEqual(names.sort(), Object.keys(publicFunctions).sort());
  });

  for (const [name, path] of Object.entries(publicFunctions)) {
    for (const [lengthKnown, length] of [
      ['with a length', withLength],
      ['without a length', {}],
    ] as const) {
      it(`${name}: six bodies of 30 MB ${lengthKnown} and without a key cost nothing`, async () => {
        const { answers, grownBytes } = await six(name, path, length);
        for (const { status, headers, json } of answers) {
          assert.equal(status, 401);
          assert.equal(headers['content-type'], 'application/problem+json');
          assert.equal(headers['cache-control'], 'private, no-store');
          assert.equal(json['request_id'], headers['x-request-id']);
        }
        assert.ok(grownBytes <= most, `${grownBytes / mib} MiB`);
      });
    }
  }

  for (const [lengthKnown, length] of [
    ['with a length', withLength],
    ['without a length', {}],
  ] as const) {
    it(`six bodies of 30 MB ${lengthKnown}, with a key, are too large, and cost little`, async () => {
      const { answers, grownBytes } = await six('ingest', '/v1/responses', { ...keyOf('ingest'), ...length });
      for (const { status, json } of answers)
        assert.deepEqual([status, json['code']], [413, 'payload_too_large']);
      assert.ok(grownBytes <= most, `${grownBytes / mib} MiB`);
      const next = await send(
        'ingest',
        '/v1/responses',
        keyOf('ingest'),
        '{"task_id":"t","miner_uid":1,"response_data":1}',
      );
      assert.equal(next.status, 202);
    });
  }

  it('six bodies just small enough, that a parser makes 300 MB of each, cost their own size', async () => {
    const { answers, grownBytes } = await six('ingest', '/v1/responses', keyOf('miner'), smallBomb);
    for (const { status, json } of answers) {
      assert.equal(status, 400);
      assert.match(String(json['detail']), /arrays and objects/);
    }
    // As bytes and as a text.
    assert.ok(grownBytes <= 12 * smallBomb.length + most, `${grownBytes / mib} MiB`);
  });

  describe('what the framework would refuse as HTML', () => {
    async function post(
      path: string,
      headers: Record<string, string>,
      body: string | Uint8Array<ArrayBuffer>,
    ) {
      const init = { method: 'POST', headers: { ...keyOf('admin'), ...headers }, body };
      const answer = await fetch(stack.urls.hosting + path, init);
      return { status: answer.status, type: answer.headers.get('content-type'), text: await answer.text() };
    }
    const asJson = { 'content-type': 'application/json' };
    const form = 'application/x-www-form-urlencoded';
    const response = '{"task_id":"t","miner_uid":1,"response_data":1}';

    for (const path of [
      '/v1/responses',
      '/api/v1/miner/response',
      '/v1/tasks',
      '/v1/operations',
      '/v1/files',
    ]) {
      for (const body of ['{"a":', 'null', '"text"']) {
        it(`${body} to ${path} is a problem`, async () => {
          const { status, type, text } = await post(path, asJson, body);
          assert.ok(status === 400 || status === 422, text);
          assert.equal(type, 'application/problem+json');
        });
      }
    }

    it('a charset is only a name: what is UTF-8 is taken', async () => {
      for (const charset of ['utf8', 'UTF-8', 'x-unknown']) {
        const type = { 'content-type': `application/json; charset=${charset}` };
        assert.equal((await post('/v1/responses', type, response)).status, 202, charset);
        const fields = await post(
          '/api/v1/miner/response',
          { 'content-type': `${form}; charset=${charset}` },
          'task_id=t&miner_uid=1&response_data=1',
        );
        assert.equal(fields.status, 200, fields.text);
      }
    });

    it('null where no body is needed does no harm', async () => {
      assert.equal((await post('/v1/flush', asJson, 'null')).status, 202);
    });

    it('a file is bytes, whatever type curl gives them, and however many parameters a form would have', async () => {
      const bytes = Buffer.from(
        Array.from({ length: mib }, (_, index) => (index % 7 === 0 ? 38 : index % 256)),
      );
      const file = await post('/v1/files', { 'content-type': form, 'x-file-name': 'a.bin' }, bytes);
      assert.equal(file.status, 201, file.text);
      const notJson = await post('/v1/files', { ...asJson, 'x-file-name': 'a.json' }, '{"a": NaN}');
      assert.equal(notJson.status, 201, notJson.text);
    });
  });
});

function memoryOf(pid: number, field: string): number {
  const found = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(found?.[1]) * 1024;
}
