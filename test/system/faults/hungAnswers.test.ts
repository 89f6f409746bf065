import assert from 'node:assert/strict';
import type { LocalServiceName } from '../../../local/shared/faults.ts';
import { type LocalStack, startStack } from '../../../local/stack.ts';

/** Callers give up after this; miners that upload wait 30 s. */
const patienceMs = 10_000;
const uploadPatienceMs = 30_000;

const requests: [method: string, path: string, body?: unknown][] = [
  ['GET', '/v1/tasks/unknown'],
  ['GET', '/v1/tasks?status=pending'],
  ['GET', '/api/v1/miners/1/tasks'],
  ['GET', '/v1/status'],
  ['GET', '/v1/status?detail=true'],
  ['GET', '/v1/quota'],
  ['GET', '/v1/warnings'],
  ['POST', '/v1/quota/leases', { writes: 1 }],
  ['GET', '/v1/keys'],
  ['POST', '/v1/keys', { role: 'read' }],
  ['GET', '/v1/dead-letters'],
  ['POST', '/v1/flush', {}],
  ['POST', '/v1/queue/pause', { until: new Date(Date.now() + 86_400_000).toISOString() }],
  ['POST', '/v1/queue/resume', {}],
  ['GET', '/v1/files?prefix='],
  ['GET', '/v1/files/00000000-0000-4000-8000-000000000000'],
  ['GET', '/v1/files/00000000-0000-4000-8000-000000000000/content'],
  ['DELETE', '/v1/files/00000000-0000-4000-8000-000000000000'],
  ['POST', '/v1/operations', { operations: [{ path: 'things/a', type: 'set', data: { n: 1 } }] }],
  ['POST', '/v1/files?file_name=a.txt', 'some text'],
];

describe('Firestore, Cloud Tasks and Cloud Storage hang', function () {
  this.timeout(120_000);
  let stack: LocalStack;
  before(async () => {
    stack = await startStack({ ports: 'free', quiet: true });
    // Every function that answers has started.
    for (const path of ['/v1/tasks/other', '/v1/files/a']) await send('GET', path);
  });
  after(async () => stack.close());
  afterEach(() => stack.clearFaults());

  async function send(method: string, path: string, body?: unknown): Promise<{ status: number; ms: number }> {
    const startMs = stack.now();
    const isText = typeof body === 'string';
    const answer = await fetch(stack.urls.hosting + path, {
      method,
      headers: {
        'x-api-key': stack.keys['admin'] ?? '',
        ...(body === undefined ? {} : { 'content-type': isText ? 'text/plain' : 'application/json' }),
      },
      ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
    });
    await answer.text();
    return { status: answer.status, ms: stack.now() - startMs };
  }

  for (const [method, path, body] of requests) {
    it(`and ${method} ${path} is answered in time`, async () => {
      for (const service of ['firestore', 'tasks', 'storage'] as LocalServiceName[])
        stack.addFault({ service, hang: true, rate: 1, forMs: 3_600_000, phase: 'before' });
      let answer: { status: number; ms: number } | undefined;
      const sent = send(method, path, body).then((given) => {
        answer = given;
      });
      for (let step = 0; step < 80 && answer === undefined; step += 1) {
        await stack.advance(500);
        // On a machine that is busy the clock would run ahead of the process.
        await (await fetch(`${stack.urls.hosting}/healthz`)).text();
      }
      await sent;
      const isUpload = path.startsWith('/v1/files?file_name');
      assert.ok(answer !== undefined && [200, 503].includes(answer.status), `${answer?.status}`);
      assert.ok(answer.ms <= (isUpload ? uploadPatienceMs : patienceMs), `${answer.ms} ms`);
    });
  }
});
