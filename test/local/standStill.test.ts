import assert from 'node:assert/strict';
import { type LocalStack, startStack } from '../../local/stack.ts';
import { fixtureStack, until } from './support.ts';

describe('a stack whose clock stands still', () => {
  let stack: LocalStack;
  before(async () => {
    stack = await startStack({
      ...fixtureStack,
      ports: 'free',
      quiet: true,
      standStill: true,
      latencies: { tasks: { '*': 20 } },
    });
  });
  after(() => stack.close());

  const get = (path: string): Promise<Response> => fetch(`${stack.urls.functions}/${path}`);
  const open = (): number => stack.instances().reduce((sum, instance) => sum + instance.open_requests, 0);

  it('answers what waits for a timer only when time passes, and bills the time that passed and the CPU’s', async () => {
    const warm = get('slow?ms=0');
    await until(() => stack.instances().length === 1);
    await stack.advance(10_000);
    await warm;
    stack.resetUsage();
    const slow = get('slow?ms=5000');
    await until(() => open() === 1);
    const startMs = stack.now();
    await stack.advance(10_000);
    const { now } = (await (await slow).json()) as { now: number };
    assert.equal(now, startMs + 5_000);
    const active_s = stack.usage().functions.by_function['slow']?.active_s ?? 0;
    assert.ok(
      active_s >= 5.1 && active_s <= 5.3,
      `${active_s} s: 5 s and the rounding of some milliseconds of CPU`,
    );
  });

  it('lets a start take the time of its CPU’s work, and bills it', async () => {
    await stack.killInstances('slow');
    stack.resetUsage();
    const startMs = stack.now();
    const answer = get('slow?ms=0');
    await until(() => stack.instances().some((instance) => instance.function === 'slow'));
    await stack.advance(10_000);
    const { now } = (await (await answer).json()) as { now: number };
    const start = stack.usage().functions.by_function['slow']?.by_cause['start']?.active_s ?? 0;
    assert.ok(start >= 0.1 && start < 5, `${start} s`);
    assert.ok(now - startMs > 50 && now - startMs <= start * 1000, `${now - startMs} ms`);
  });
});
