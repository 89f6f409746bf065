import assert from 'node:assert/strict';
import { afterFree, amountsOf, costsOf, scaledAmounts } from '../../../local/bill/bill.ts';
import { typicalLatencies } from '../../../local/shared/latencies.ts';
import { type LocalStack, startStack } from '../../../local/stack.ts';
import { advanceUntil } from '../../support/advance.ts';

const hourMs = 3_600_000;
const hours = 6;
const hoursOfMonth = 31 * 24;

describe('a month in which nothing comes', function () {
  this.timeout(120_000);
  let stack: LocalStack;

  before(async () => {
    stack = await startStack({ ports: 'free', quiet: true, standStill: true, latencies: typicalLatencies });
    // The first cleanup that reaches Firestore finds out that there is nothing; its count is booked once, later.
    const seen: number[] = [];
    const isQuiet = (): boolean => {
      seen.push(stack.usage().firestore.reads);
      return Number(seen.at(-1)) > 0 && seen.at(-1) === seen.at(-2);
    };
    await advanceUntil(stack, isQuiet, { stepMs: hourMs, steps: 8 });
    stack.resetUsage();
    await stack.advance(hours * hourMs);
  });
  after(() => stack.close());

  it('takes no operation of Firestore or Cloud Tasks', () => {
    const { firestore, tasks } = stack.usage();
    assert.deepEqual(firestore, { reads: 0, writes: 0, deletes: 0 });
    assert.equal(tasks.operations, 0);
  });

  it('costs at most 35 cents by list prices, schedules and secret included, and nothing after free amounts', () => {
    const some = amountsOf(stack.usage(), hours / hoursOfMonth);
    const month = scaledAmounts(some, hoursOfMonth / hours);
    const list = costsOf(month).total;
    assert.ok(list > 0.26 && list <= 0.35, `${list} dollars`);
    assert.equal(costsOf(afterFree(month)).total, 0);
  });
});
