import assert from 'node:assert/strict';
import { type LocalStack, startStack } from '../../../local/stack.ts';
import { advanceUntil, callStack, type StackAnswer } from '../../support/advance.ts';

/** Ten seconds are two ticks; a slow machine takes longer. */
const within = { stepMs: 2_500, steps: 48 };

describe('miners’ keys through the deployed functions', function () {
  this.timeout(90_000);
  let stack: LocalStack;

  before(async () => {
    stack = await startStack({ ports: 'free', quiet: true });
  });
  after(() => stack.close());

  const call = (role: string, path: string, body?: unknown, method = 'POST'): Promise<StackAnswer> =>
    callStack(stack, role, body === undefined ? 'GET' : method, path, body);

  const answer = (role: string, task_id: string, miner_uid: number): Promise<StackAnswer> =>
    call(role, '/v1/responses', { task_id, miner_uid, response_data: {}, accuracy_score: miner_uid / 10 });

  const until = (taskId: string, isSo: (task: Record<string, unknown>) => boolean): Promise<void> =>
    advanceUntil(
      stack,
      async () => {
        const { status, json } = await call('read', `/v1/tasks/${taskId}`);
        return status === 200 && isSo(json);
      },
      within,
    );

  it('decide no task that names others, until it names their miner', async () => {
    const fields = { task_type: 'tts', assigned_miners: [1, 2], required_miner_count: 2 };
    await call('ingest', '/v1/tasks?visibility=prompt', { task_id: 't', ...fields });
    for (const uid of [8, 9, 1]) assert.equal((await answer('miner', 't', uid)).status, 202);
    await until('t', (task) => Object.keys(task['miner_responses'] as object).length === 3);
    const { json: open } = await call('read', '/v1/tasks/t');
    assert.equal(open['status'], 'in_progress');
    assert.equal(open['response_count'], 1);
    assert.deepEqual(open['best_response'], { miner_uid: 1, score: 0.1 });
    const responses = open['miner_responses'] as Record<string, { counted?: boolean }>;
    assert.deepEqual([responses['8']?.counted, responses['1']?.counted], [false, undefined]);

    await call('ingest', '/v1/tasks/t?visibility=prompt', { assigned_miners: [1, 8] }, 'PATCH');
    await until('t', (task) => task['status'] === 'completed');
    const { json: completed } = await call('read', '/v1/tasks/t');
    assert.deepEqual(completed['best_response'], { miner_uid: 8, score: 0.8 });
    assert.equal(completed['response_count'], 2);
  });

  it('cannot answer without end what nobody asked, while proxies can', async () => {
    const responses = Array.from({ length: 1_000 }, (_, index) => ({
      task_id: `nobodys-${index}`,
      miner_uid: 5,
      response_data: { index },
    }));
    assert.equal((await call('miner', '/v1/responses', { responses })).status, 202);
    await until('nobodys-999', (task) => typeof task['sluice_expires_at'] === 'string');
    await advanceUntil(stack, async () => (await answer('miner', 'more', 5)).status === 429, {
      stepMs: 10_000,
      steps: 12,
    });
    assert.equal((await answer('ingest', 't', 3)).status, 202);
  });
});
