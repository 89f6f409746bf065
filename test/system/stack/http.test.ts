import assert from 'node:assert/strict';
import { type LocalStack, startStack } from '../../../local/stack.ts';

// Off the cloud, the client would look for a metadata server.
process.env['METADATA_SERVER_DETECTION'] ??= 'none';

/** Words of services, clients and the machine that would show from inside. */
const inside =
  /fault|[A-Z]{3,}_[A-Z_]+:|gRPC|googleapis|demo-sluice|node_modules|ECONN|127\.0\.0\.1|\bat \w+ \(/i;

describe('answers while a service fails', function () {
  this.timeout(120_000);
  let stack: LocalStack;
  before(async () => {
    stack = await startStack({ ports: 'free', quiet: true });
  });
  after(() => stack.close());

  const json = (value: unknown) => ({ body: JSON.stringify(value), type: 'application/json' });
  const requests: [method: string, path: string, sent?: { body: string; type: string }][] = [
    ['POST', '/v1/responses', json({ task_id: 't', miner_uid: 1, response_data: 'x'.repeat(70_000) })],
    ['POST', '/v1/tasks', json({ task_type: 'x' })],
    ['POST', '/v1/operations', json({ operations: [{ type: 'set', path: 'u/1', data: {} }] })],
    ['GET', '/v1/tasks/t'],
    ['GET', '/v1/tasks?cursor=W10'],
    ['GET', '/v1/tasks?limit=5'],
    ['GET', '/api/v1/miners/1/tasks?status=assigned'],
    ['POST', '/v1/files', { body: 'x'.repeat(100), type: 'audio/wav' }],
    ['POST', '/v1/files', { body: 'x'.repeat(100_000), type: 'audio/wav' }],
    ['POST', '/v1/files', json({ file_name: 'a', size: 5, content_type: 'audio/wav' })],
    ['GET', '/v1/files?limit=5'],
    ['GET', '/v1/files/00000000-0000-4000-8000-000000000001'],
    ['GET', '/v1/files/00000000-0000-4000-8000-000000000001/content'],
    ['DELETE', '/v1/files/00000000-0000-4000-8000-000000000001'],
    ['GET', '/v1/status?detail=true'],
    ['GET', '/v1/quota'],
    ['GET', '/v1/warnings'],
    ['POST', '/v1/quota/leases', json({ writes: 5 })],
    ['POST', '/v1/flush'],
    ['POST', '/v1/queue/resume'],
    ['POST', '/v1/cleanup', json({})],
    ['GET', '/v1/dead-letters'],
    ['GET', `/v1/dead-letters/${'0'.repeat(64)}`],
    ['POST', '/v1/keys', json({ role: 'read' })],
    ['GET', '/v1/keys'],
  ];

  const ask = async ([method, path, sent]: (typeof requests)[number]): Promise<string> => {
    const answer = await fetch(stack.urls.hosting + path, {
      method,
      headers: {
        'x-api-key': stack.keys['admin'] ?? '',
        ...(sent === undefined ? {} : { 'content-type': sent.type }),
      },
      body: sent?.body ?? null,
    });
    const { request_id: _, ...said } = (await answer.json().catch(() => ({}))) as Record<string, unknown>;
    return `${method} ${path} ${answer.status} ${JSON.stringify(said)}`;
  };

  for (const [service, codes] of [
    ['firestore', [3, 13]],
    ['tasks', [3, 7]],
    ['storage', [400, 403]],
  ] as const) {
    for (const code of codes) {
      it(`hold no words of its own: ${service}, ${code}`, async () => {
        const fault = { service, code, rate: 1, for_ms: 600_000 };
        const control = `${stack.urls.hosting}/__local/faults`;
        assert.ok((await fetch(control, { method: 'POST', body: JSON.stringify(fault) })).ok);
        const answers = await Promise.all(requests.map(ask));
        assert.ok((await fetch(control, { method: 'DELETE' })).ok);
        const failed = answers.filter((answer) => /^\S+ \S+ [45]/.test(answer));
        assert.notDeepEqual(failed, []);
        assert.deepEqual(
          failed.filter((answer) => inside.test(answer)),
          [],
        );
      });
    }
  }
});
