import assert from 'node:assert/strict';
import type { Lease } from '../../functions/src/quota/ledgerState.ts';
import { OwnLease } from '../../functions/src/quota/ownLease.ts';
import { Throttle } from '../../functions/src/quota/throttle.ts';
import { ManualClock } from '../support/clock.ts';
import { memoryLogger } from '../support/logger.ts';

describe('Refunds to a lease', () => {
  const clock = new ManualClock();
  const throttle = new Throttle({ logger: memoryLogger(), tickMs: 5_000, warn: () => undefined });

  function lease(id: string): Lease {
    const amounts = { writes: 100, reads: 100, deletes: 100 };
    const [startMs, endMs] = [clock.now(), clock.now() + 60_000];
    const common = { holder: 'h', kind: 'worker', day: '2026-01-01', multiplier: 1 } as const;
    return { ...common, id, rates: amounts, amounts, demands: amounts, startMs, endMs };
  }

  function leaseAfterTaking(count: number): OwnLease {
    const own = new OwnLease(clock, throttle);
    own.startRenewal();
    own.renewed(lease('first'));
    assert.equal((own.take('writes', count) as Lease).id, 'first');
    return own;
  }

  it('can be taken again while the lease is the present one', () => {
    const own = leaseAfterTaking(10);
    assert.equal(own.refund('writes', 4, 'first'), true);
    assert.equal(own.remaining('writes'), 94);
    assert.equal(own.refund('writes', 50, 'first'), true);
    assert.equal(own.remaining('writes'), 100, 'never more than was taken');
  });

  it('is lost once the ledger was told what was spent, or the lease is another', () => {
    const own = leaseAfterTaking(10);
    const { returns } = own.startRenewal();
    assert.deepEqual(
      returns.map(({ id, spent }) => [id, Object(spent).writes]),
      [['first', 10]],
    );
    assert.equal(own.refund('writes', 4, 'first'), false);
    own.renewed(lease('second'));
    own.take('writes', 5);
    const left = own.remaining('writes');
    assert.equal(own.refund('writes', 4, 'first'), false);
    assert.equal(own.remaining('writes'), left);
  });
});
