import assert from 'node:assert/strict';
import { type LocalStack, startStack } from '../../../local/stack.ts';
import { advanceUntil, callStack, type StackAnswer } from '../../support/advance.ts';

// Off the cloud, the client would look for a metadata server.
process.env['METADATA_SERVER_DETECTION'] ??= 'none';

const outageMs = 30 * 60_000;

describe('half an hour in which the platform lets no dispatch through to flush', function () {
  this.timeout(120_000);
  let stack: LocalStack;

  before(async () => {
    stack = await startStack({ ports: 'free', quiet: true });
  });
  after(() => stack.close());

  const call = (method: string, path: string, role: string, body?: unknown): Promise<StackAnswer> =>
    callStack(stack, role, method, path, body);

  for (const [code, meaning] of [
    [403, 'no invoker'],
    [503, 'its instances end at their start'],
  ] as const) {
    it(`makes no dead letter and no storm of carriers: ${code}, ${meaning}`, async () => {
      stack.addFault({
        service: 'functions',
        method: 'flush',
        code,
        rate: 1,
        forMs: outageMs,
        phase: 'before',
      });
      const ids: string[] = [];
      for (let task = 0; task < 5; task += 1) {
        const { status, json } = await call('POST', '/v1/tasks?visibility=prompt', 'ingest', {
          task_type: 'test',
        });
        assert.equal(status, 202);
        ids.push(String(json['task_id']));
      }
      const { operations } = stack.usage().tasks;
      await stack.advance(outageMs);
      const isWritten = async (id: string) => (await call('GET', `/v1/tasks/${id}`, 'read')).status === 200;
      for (const id of ids) await advanceUntil(stack, () => isWritten(id), { stepMs: 5_000, steps: 40 });
      // Five carriers, and the deadlines of those before them, each tried some 35 times.
      const spent = stack.usage().tasks.operations - operations;
      assert.ok(spent < 10 * 50, `${spent} operations`);
      const letters = await call('GET', '/v1/dead-letters', 'admin');
      assert.deepEqual(letters.json['dead_letters'], []);
    });
  }
});
