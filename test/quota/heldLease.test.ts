import assert from 'node:assert/strict';
import { HeldLease } from '../../functions/src/quota/heldLease.ts';
import type { Lease } from '../../functions/src/quota/ledgerState.ts';
import { Throttle } from '../../functions/src/quota/throttle.ts';
import { ManualClock } from '../support/clock.ts';
import { memoryLogger } from '../support/logger.ts';

describe('What is given back to a lease', () => {
  const clock = new ManualClock();
  const throttle = new Throttle({ logger: memoryLogger(), tickMs: 5_000, warn: () => undefined });

  function lease(id: string): Lease {
    const amounts = { writes: 100, reads: 100, deletes: 100 };
    const [startMs, endMs] = [clock.now(), clock.now() + 60_000];
    const common = { holder: 'h', kind: 'worker', day: '2026-01-01', multiplier: 1 } as const;
    return { ...common, id, rates: amounts, amounts, demands: amounts, startMs, endMs };
  }

  function heldAfterTaking(count: number): HeldLease {
    const held = new HeldLease(clock, throttle);
    held.startRenewal();
    held.renewed(lease('first'));
    assert.equal((held.take('writes', count) as Lease).id, 'first');
    return held;
  }

  it('can be taken again while the lease is the present one', () => {
    const held = heldAfterTaking(10);
    assert.equal(held.refund('writes', 4, 'first'), true);
    assert.equal(held.remaining('writes'), 94);
    assert.equal(held.refund('writes', 50, 'first'), true);
    assert.equal(held.remaining('writes'), 100, 'never more than was taken');
  });

  it('is lost once the ledger was told what was spent, or the lease is another', () => {
    const held = heldAfterTaking(10);
    const { returns } = held.startRenewal();
    assert.deepEqual(
      returns.map(({ id, spent }) => [id, Object(spent).writes]),
      [['first', 10]],
    );
    assert.equal(held.refund('writes', 4, 'first'), false);
    held.renewed(lease('second'));
    held.take('writes', 5);
    const left = held.remaining('writes');
    assert.equal(held.refund('writes', 4, 'first'), false);
    assert.equal(held.remaining('writes'), left);
  });
});
