import assert from 'node:assert/strict';
import { runDemo } from '../../../bench/demo.ts';
import { type LocalStack, startStack } from '../../../local/stack.ts';

describe('npm run demo', function () {
  this.timeout(120_000);
  let stack: LocalStack;

  before(async () => {
    stack = await startStack({ ports: 'free', quiet: true });
  });

  after(() => stack.close());

  it('completes every task with a write each, and bills a fraction of the plain way', async () => {
    const { parts, usage } = await runDemo(stack, { inRealTime: false });
    const failed = parts.filter(({ fault }) => fault !== undefined);
    assert.deepEqual(failed, []);
    assert.deepEqual(
      parts.map(({ name }) => name),
      ['ingest', 'flush', 'status', 'best response', 'exactly once', 'read', 'billed'],
    );
    assert.ok(usage.firestore.writes >= 20);
  });
});
