import assert from 'node:assert/strict';
import { onLine, risingOf, usedAt } from '../../../bench/cost/curve.ts';

const near = (actual: number, expected: number): void =>
  assert.ok(Math.abs(actual - expected) < 1e-9 * Math.max(1, expected), `${actual} instead of ${expected}`);

describe('the curve of a measured use', () => {
  const points = [
    { at: 1, value: 2 },
    { at: 100, value: 20 },
  ];

  it('goes through what was measured', () => {
    near(usedAt(points, 1), 2);
    near(usedAt(points, 100), 20);
  });

  it('is a power of the rate between', () => near(usedAt(points, 10), Math.sqrt(2 * 20)));

  it('follows the rate outside', () => {
    near(usedAt(points, 0.1), 0.2);
    near(usedAt(points, 1000), 200);
    assert.equal(usedAt(points, 0), 0);
  });

  it('is a line where nothing was used at the lower rate', () => {
    const zero = [
      { at: 1, value: 0 },
      { at: 3, value: 4 },
    ];
    near(usedAt(zero, 2), 2);
    assert.equal(usedAt(zero, 0.5), 0);
  });

  it('never falls, in whatever order it was measured', () => {
    const noisy = [
      { at: 10, value: 5 },
      { at: 1, value: 2 },
      { at: 100, value: 4.9 },
    ];
    near(usedAt(noisy, 100), 5);
    near(usedAt(noisy, 50), 5);
    assert.deepEqual(
      risingOf(noisy).map(({ value }) => value),
      [2, 5, 5],
    );
  });

  it('is nothing without points', () => assert.equal(usedAt([], 3), 0));
});

describe('the line through the nearest points', () => {
  const points = [
    { at: 1, value: 1 },
    { at: 3, value: 2 },
    { at: 5, value: 6 },
  ];

  it('goes on beyond the ends', () => {
    near(onLine(points, 2), 1.5);
    near(onLine(points, 3), 2);
    near(onLine(points, 4), 4);
    near(onLine(points, 7), 10);
    near(onLine(points, 0), 0.5);
  });

  it('is the value of a single point, and nothing without', () => {
    assert.equal(onLine([{ at: 3, value: 7 }], 100), 7);
    assert.equal(onLine([], 100), 0);
  });
});
