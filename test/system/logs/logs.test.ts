import assert from 'node:assert/strict';
import { deflateRawSync } from 'node:zlib';
import type { LogEntry } from '../../../local/shared/log.ts';
import { type LocalStack, startStack } from '../../../local/stack.ts';

// Off the cloud, the client would look for a metadata server.
process.env['METADATA_SERVER_DETECTION'] ??= 'none';

const traceField = 'logging.googleapis.com/trace';
const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
/** Stands in every key, payload and signature that is sent. */
const secret = 'xyzzy-4711';

describe('the log of a stack', function () {
  this.timeout(120_000);
  let stack: LocalStack;
  const lines: LogEntry[] = [];
  const functionsLines = (): LogEntry[] => lines.filter(({ message }) => message !== '');

  before(async () => {
    stack = await startStack({
      ports: 'free',
      standStill: true,
      env: { LOG_LEVEL: 'DEBUG', MIN_RESPONSES_TO_FLUSH: '1', TASK_VISIBLE_SECONDS: '0' },
      log: (source, entry) => lines.push({ source, ...entry }),
    });
  });
  after(() => stack.close());
  beforeEach(() => {
    lines.length = 0;
  });

  const post = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(stack.urls.hosting + path, {
      method: 'POST',
      headers: { 'x-api-key': stack.keys['admin'] ?? '', 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  /** Resolves once all are answered: requests linger until the clock moves. */
  const answered = async (answers: Promise<Response>[]): Promise<void> => {
    let isDone = false;
    const all = Promise.all(answers.map(async (answer) => (await answer).arrayBuffer()));
    const done = all.finally(() => {
      isDone = true;
    });
    while (!isDone) await stack.advance(50);
    await done;
  };
  const named = (message: string): LogEntry[] => lines.filter((line) => line.message === message);

  it('tells the way of an answer: its request, its carrier, its document', async () => {
    const headers = { 'x-request-id': 'r-1', traceparent: `00-${trace}-00f067aa0ba902b7-01` };
    await answered([post('/v1/responses', { task_id: 't', miner_uid: 1, response_data: 1 }, headers)]);
    await stack.advance(10_000);
    const [request] = named('Answered');
    const [sent] = named('Sent a carrier').filter(({ request_id: id }) => id !== undefined);
    for (const line of [request, sent]) {
      assert.equal(line?.['request_id'], 'r-1');
      assert.equal(line?.[traceField], `projects/demo-sluice/traces/${trace}`);
    }
    assert.equal(request?.['path'], '/v1/responses');
    assert.equal(request?.['key_id'], 'local-admin');
    assert.match(String(sent?.['sent_carrier']), /^\d+$/);
    const of = (line: LogEntry): boolean => line['carrier'] === sent?.['sent_carrier'];
    assert.deepEqual(named('Wrote documents').filter(of)[0]?.['paths'], ['tasks/t']);
    assert.equal(named('Flushed').filter(of).length, 1);
    // What every answer costs in lines where nothing is to be debugged; starts have lines of their own.
    const usual = functionsLines().filter(
      ({ severity, message }) => severity !== 'DEBUG' && !/^(Started|Limits of) ?/.test(message),
    );
    assert.deepEqual([...new Set(usual.map(({ message }) => message))], ['Flushed']);
    assert.equal(usual.length, 1);
    // A dispatch is a request of its own.
    assert.match(String(named('Flushed').find(of)?.[traceField]), /traces\/[\da-f]{32}$/);
    assert.doesNotMatch(String(named('Flushed').find(of)?.[traceField]), new RegExp(trace));
  });

  it('names the requests that share a carrier, and each one’s own where it is about that one', async () => {
    const answers = ['a', 'b', 'c'].map((id) =>
      post('/v1/responses', { task_id: id, miner_uid: 1, response_data: 1 }, { 'x-request-id': id }),
    );
    await answered(answers);
    const sent = named('Sent a carrier').map(({ request_id: ids }) => String(ids).split(' '));
    assert.deepEqual(sent.flat().sort(), ['a', 'b', 'c']);
    assert.ok(sent.length < 3, String(sent));
    assert.deepEqual(
      named('Answered')
        .map(({ request_id: id }) => id)
        .sort(),
      ['a', 'b', 'c'],
    );
  });

  it('holds neither payloads nor keys, whatever fails', async () => {
    const control = `${stack.urls.hosting}/__local/faults`;
    const inFault = async (fault: object, work: () => Promise<unknown>): Promise<void> => {
      assert.ok(
        (await fetch(control, { method: 'POST', body: JSON.stringify({ rate: 1, for_ms: 1e6, ...fault }) }))
          .ok,
      );
      await work();
      assert.ok((await fetch(control, { method: 'DELETE' })).ok);
    };
    const text = `${secret} `.repeat(5_000);
    const everything = async (): Promise<void> => {
      const answers = [
        post('/v1/responses', { task_id: 's', miner_uid: 1, response_data: { text: secret } }),
        post('/v1/responses', { task_id: 's', miner_uid: 2, response_data: text.repeat(3) }),
        post('/v1/responses', { task_id: 's', miner_uid: secret, response_data: secret }),
        post('/v1/responses', `{"task_id": "s", "response_data": "${secret}`),
        post('/v1/tasks', { task_type: 'x', input_text: secret, metadata: { note: secret } }),
        post('/v1/operations', { operations: [{ type: 'set', path: 'u/1', data: { note: secret } }] }),
        post('/v1/operations', { operations: [{ type: 'set', path: 'u/2', data: { note: text } }] }),
        post('/v1/operations', {
          operations: [{ type: 'update', path: 'u/3', data: { a: { $x: secret } } }],
        }),
        post('/v1/files', secret, { 'content-type': 'audio/wav' }),
        post('/v1/files', text, { 'content-type': 'audio/wav' }),
        post('/v1/keys', { role: 'read', id: 'made' }),
        post(
          `/api/v1/miner/response?key=${secret}`,
          `task_id=s&miner_uid=3&response_data=${secret}&coldkey_address=${secret}`,
          {
            'content-type': 'application/x-www-form-urlencoded',
          },
        ),
        post('/v1/responses', {}, { 'x-api-key': secret }),
        post('/v1/responses', {}, { authorization: `Bearer ${secret}` }),
        post('/v1/responses', {}, { authorization: `Basic ${btoa(`u:${secret}`)}` }),
      ];
      await answered(answers);
      await stack.advance(15_000);
    };
    await everything();
    for (const fault of [
      { service: 'firestore', code: 3 },
      { service: 'tasks', code: 7 },
      { service: 'storage', code: 403 },
    ]) {
      await inFault(fault, everything);
    }
    await inFault({ service: 'tasks', code: 14 }, () =>
      inFault({ service: 'storage', code: 503 }, everything),
    );
    await putTasks();
    await stack.advance(900_000);
    const all = functionsLines();
    for (const message of ['request failed', 'Kept a dead letter', 'Answered', 'Flushed']) {
      assert.ok(
        all.some((line) => line.message === message),
        `nothing logged "${message}"`,
      );
    }
    assert.deepEqual(
      all.filter((line) => JSON.stringify(line).includes(secret)),
      [],
    );
    for (const key of Object.values(stack.keys)) assert.doesNotMatch(JSON.stringify(all), new RegExp(key));
  });

  /** Carriers that nothing of Sluice sends: no events, broken ones, of other versions, of another kind. */
  async function putTasks(): Promise<void> {
    const { CloudTasksClient } = await import('@google-cloud/tasks');
    const { grpc } = await import('google-gax');
    const client = new CloudTasksClient({
      apiEndpoint: '127.0.0.1',
      port: stack.ports.tasks,
      sslCreds: grpc.credentials.createInsecure(),
    });
    const parent = client.queuePath('demo-sluice', 'us-central1', 'sluice-flush');
    const folded = (event: object): string =>
      deflateRawSync(Buffer.from(JSON.stringify(event))).toString('base64');
    const data = [
      secret,
      { schema: 1, due_ms: 0, count: 1, events: secret },
      { schema: 1, due_ms: 0, count: 1, events: folded({ kind: 'response', note: secret }) },
      { schema: 1, due_ms: 0, count: 1, events: folded({ kind: secret, stamp: secret }) },
      { schema: 99, due_ms: 0, count: 1, events: secret },
      { schema: 1, due_ms: 0, count: 1, object: 'bodies/carriers/gone' },
    ];
    for (const one of data) {
      const httpRequest = {
        url: `${stack.urls.functions}/demo-sluice/us-central1/sluice-flush`,
        httpMethod: 'POST' as const,
        headers: { 'Content-Type': 'application/json' },
        body: Buffer.from(JSON.stringify({ data: one })),
        oidcToken: { serviceAccountEmail: 'local@sluice.invalid' },
      };
      await client.createTask({ parent, task: { httpRequest } });
    }
    await client.close();
  }
});
