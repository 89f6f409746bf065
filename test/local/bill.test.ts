import assert from 'node:assert/strict';
import { noUsage } from '../../bench/shared/usage.ts';
import { afterFree, amountsOf, costsOf, scaledAmounts } from '../../local/bill/bill.ts';

const usage = {
  ...noUsage,
  firestore: { reads: 100_000, writes: 100_000, deletes: 100_000 },
  tasks: { operations: 1_000_000 },
  storage: { class_a: 1_000_000, class_b: 1_000_000 },
  functions: {
    ...noUsage.functions,
    requests: 1_000_000,
    active_s: 10_000,
    vcpu_s: 10_000,
    gib_s: 10_000,
    egress_bytes: 1e9,
    log_bytes: 2 ** 30,
    secret_accesses: 10_000,
  },
  hosting: { requests: 5, hits: 0, bytes: 1e9 },
  scheduler: { jobs: 2 },
  secrets: { versions: 1 },
};

const rounded = (costs: object): Record<string, number> =>
  Object.fromEntries(Object.entries(costs).map(([part, dollars]) => [part, Number(dollars.toFixed(6))]));

describe('the bill', () => {
  it('is each amount by its list price, and the sum', () => {
    assert.deepEqual(rounded(costsOf(amountsOf(usage, 1))), {
      firestore: 0.26,
      tasks: 0.4,
      requests: 0.4,
      instances: 0.265,
      storage: 5.4,
      traffic: 0.27,
      logging: 0.5,
      standing: 0.29,
      total: 7.785,
    });
  });

  it('has jobs and secrets only for the time they stand', () => {
    assert.equal(rounded(costsOf(amountsOf(usage)))['standing'], 0.03);
    assert.equal(rounded(costsOf(scaledAmounts(amountsOf(usage, 0.5), 2)))['standing'], 0.32);
  });

  it('is nothing where all is within the free amounts, and begins beyond them', () => {
    const month = amountsOf({ ...usage, storage: { class_a: 5_000, class_b: 50_000 } }, 1);
    assert.equal(costsOf(afterFree(month)).total, 0);
    const more = afterFree({ ...month, functionRequest: 3_000_000 });
    assert.equal(rounded(costsOf(more))['total'], 0.4);
  });
});
