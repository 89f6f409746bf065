import assert from 'node:assert/strict';
import { type LocalStack, startStack } from '../../../local/stack.ts';

/** Makes each call that the functions make: the bundle holds less than the whole clients. */
describe('the built functions and Cloud Tasks', () => {
  let stack: LocalStack;

  before(async function () {
    this.timeout(30_000);
    stack = await startStack({ ports: 'free', quiet: true });
  });

  after(() => stack.close());

  async function call(path: string, body?: object): Promise<Record<string, unknown>> {
    const answer = await fetch(`${stack.urls.hosting}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { 'x-api-key': stack.keys['admin'] ?? '', 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    assert.ok(answer.ok, `${path}: ${answer.status}`);
    return (await answer.json()) as Record<string, unknown>;
  }

  const backlog = async (path: string) => (await call(path))['backlog'] as Record<string, unknown>;

  it('put, count, list, pause and resume', async () => {
    await call('/v1/queue/pause', { until: new Date(stack.now() + 3_600_000).toISOString() });
    await call('/v1/tasks', { task_id: 't1', task_type: 'tts' });

    assert.equal((await backlog('/v1/status'))['queued_carriers'], 1);
    assert.equal((await backlog('/v1/status'))['parked_reason'], 'paused');
    const { is_exact, queued_carriers } = await backlog('/v1/status?detail=true');
    assert.deepEqual({ is_exact, queued_carriers }, { is_exact: true, queued_carriers: 1 });

    await call('/v1/queue/resume', {});
    const { done } = await call('/v1/flush?wait=true', {});
    assert.equal(done, true);
  }).timeout(40_000);
});
