import assert from 'node:assert/strict';
import type { Denial } from '../../functions/src/quota/ledgerRequest.ts';
import type { QuotaWarning } from '../../functions/src/quota/ledgerState.ts';
import { noOperations, perType } from '../../functions/src/quota/operations.ts';
import { Throttle } from '../../functions/src/quota/throttle.ts';
import { memoryLogger } from '../support/logger.ts';

const tickMs = 5_000;
const flow = { demand: 1_200, granted: 800 };

/** A throttle with a time of its own. */
class Scene {
  readonly logger = memoryLogger();
  readonly told: QuotaWarning[] = [];
  readonly throttle = new Throttle({
    logger: this.logger,
    tickMs,
    warn: (warning) => this.told.push(warning),
  });
  nowMs = 1_000_000;

  wait(ms: number): this {
    this.nowMs += ms;
    return this;
  }

  refuse(reason: Denial['reason'] = 'rate', retryInMs = 0): number {
    const denial = { reason, retryAtMs: this.nowMs + retryInMs };
    return this.throttle.refused('writes', denial, flow, this.nowMs) - this.nowMs;
  }

  /** Refuses every 5 s for so long. */
  refuseFor(ms: number): void {
    for (let passed = 0; passed <= ms; passed += 5_000) {
      this.refuse();
      this.wait(5_000);
    }
  }

  serve(): void {
    this.throttle.served('writes', this.nowMs);
  }

  exhaust(): number {
    return this.throttle.exhausted('writes', this.nowMs) - this.nowMs;
  }

  learn(share: number, warnings: QuotaWarning[] = []): void {
    this.throttle.learn({ chargedShare: { ...noOperations, writes: share }, warnings }, this.nowMs);
  }

  get multiplier(): number {
    return this.throttle.multiplier(this.nowMs);
  }

  lines(start: string): string[] {
    return this.logger.lines.map(({ message }) => message).filter((message) => message.startsWith(start));
  }
}

describe('Throttle', () => {
  it('leaves alone what uses its granted rate fully: some wait too long, others are served', () => {
    const scene = new Scene();
    for (let second = 0; second < 600; second += 1) {
      scene.refuse();
      scene.wait(500).serve();
      scene.wait(500);
    }
    assert.equal(scene.multiplier, 1);
    assert.deepEqual(scene.told, []);
    assert.deepEqual(scene.lines('EMERGENCY'), []);
    assert.deepEqual(
      scene.lines('Throttling'),
      ['Throttling writes operation for 5 seconds'],
      'said once, not 600 times',
    );
  });

  it('warns of demand that was refused for 10 s, once, with what is wanted and what is granted', () => {
    const scene = new Scene();
    scene.refuseFor(5_000);
    assert.deepEqual(scene.told, []);
    scene.refuseFor(30_000);
    assert.equal(scene.told.length, 1);
    const [warning] = scene.told;
    assert.deepEqual(Object.assign({}, warning, { atMs: 0 }), {
      operationType: 'writes',
      limitType: 'per_second',
      current: 1_200,
      limit: 800,
      atMs: 0,
    });
    const line = scene.logger.lines.find(({ message }) => message.startsWith('QUOTA WARNING'));
    assert.equal(line?.message, 'QUOTA WARNING writes per_second');
    assert.deepEqual(line.fields, { current: 1_200, limit: 800, percentage: 150 });
    assert.equal(scene.multiplier, 1, 'a warning is no emergency');
  });

  it('calls refusals for 60 s an emergency, in steps of 1.5 up to 10, and relaxes by itself', () => {
    const scene = new Scene();
    scene.refuseFor(55_000);
    assert.equal(scene.multiplier, 1);
    scene.refuse();
    assert.equal(scene.multiplier, 1.5);
    const seen = [scene.multiplier];
    for (let passed = 0; passed < 120_000; passed += 5_000) {
      scene.wait(5_000).refuse();
      if (seen.at(-1) !== scene.multiplier) seen.push(scene.multiplier);
    }
    assert.deepEqual(seen, [1.5, 2.25, 3.375, 5.0625, 7.59375, 10]);
    assert.deepEqual(scene.lines('EMERGENCY'), ['EMERGENCY THROTTLING ENABLED']);
    assert.deepEqual(scene.lines('THROTTLING DISABLED'), []);

    scene.serve();
    assert.ok(Math.abs(scene.wait(10_000).multiplier - 10 / 1.5) < 1e-9);
    assert.equal(scene.wait(60_000).multiplier, 1);
    scene.wait(60_000).serve();
    assert.deepEqual(scene.lines('THROTTLING DISABLED'), ['THROTTLING DISABLED']);
  });

  it('is no emergency where demand ended: what was refused long ago says nothing of now', () => {
    const scene = new Scene();
    scene.refuseFor(15_000);
    scene.wait(3_600_000);
    assert.equal(scene.multiplier, 1);
    scene.refuse();
    assert.equal(scene.multiplier, 1);
    assert.equal(scene.told.length, 1, 'and the time of it begins anew');
  });

  it('does not take a spent budget, the reset or a missing ledger for saturation', () => {
    for (const reason of ['daily_budget', 'reset', 'ledger_unavailable'] as const) {
      const scene = new Scene();
      for (let passed = 0; passed < 300_000; passed += 10_000) {
        assert.equal(scene.refuse(reason, 900_000), 900_000, 'its time to come again is kept');
        scene.wait(10_000);
      }
      scene.refuse();
      assert.equal(scene.multiplier, 1);
      assert.deepEqual(scene.told, []);
      assert.deepEqual(scene.lines('Throttling'), ['Throttling writes operation for 900 seconds']);
    }
  });

  it('takes RESOURCE_EXHAUSTED for an emergency at once, divides the rates, and climbs while it lasts', () => {
    const scene = new Scene();
    assert.equal(scene.throttle.rateDivisor(scene.nowMs), 1);
    assert.equal(scene.exhaust(), tickMs);
    assert.equal(scene.throttle.rateDivisor(scene.nowMs), 1.5);
    assert.deepEqual(scene.lines('EMERGENCY'), ['EMERGENCY THROTTLING ENABLED']);
    assert.deepEqual(scene.lines('Throttling'), ['Throttling writes operation for 5 seconds']);
    for (let tries = 0; tries < 12; tries += 1) {
      scene.serve();
      scene.wait(scene.exhaust());
    }
    assert.equal(scene.exhaust(), tickMs);
    assert.equal(scene.multiplier, 10);
    scene.wait(15_000).serve();
    scene.wait(100_000);
    assert.equal(scene.multiplier, 1);
    assert.equal(scene.throttle.rateDivisor(scene.nowMs), 1);
    assert.deepEqual(scene.lines('THROTTLING DISABLED'), ['THROTTLING DISABLED']);
  });

  it('warns at 80 % of a day, throttles from 90 %, and ends that where the budget is raised', () => {
    const scene = new Scene();
    const warning = {
      operationType: 'writes',
      limitType: 'per_day',
      current: 16_000,
      limit: 20_000,
    } as const;
    scene.learn(0.8, [{ ...warning, atMs: scene.nowMs }]);
    assert.deepEqual(scene.lines('QUOTA WARNING'), ['QUOTA WARNING writes per_day']);
    assert.deepEqual(scene.logger.lines.at(-1)?.fields, { current: 16_000, limit: 20_000, percentage: 80 });
    assert.equal(scene.multiplier, 1);
    scene.wait(60_000).learn(0.899);
    assert.equal(scene.multiplier, 1);
    scene.learn(0.9);
    assert.equal(scene.multiplier, 1.5);
    assert.equal(
      scene.throttle.rateDivisor(scene.nowMs),
      1,
      'what is left of the day may be spent at the full rate',
    );
    scene.wait(600_000).learn(0.45);
    scene.wait(60_000);
    assert.equal(scene.multiplier, 1);
    assert.deepEqual(scene.told, [], 'the ledger knows of its own warnings');
  });

  it('logs a minute near its limit, and does not throttle for it', () => {
    const scene = new Scene();
    const warning = {
      operationType: 'writes',
      limitType: 'per_minute',
      current: 45_000,
      limit: 50_000,
    } as const;
    scene.learn(0, [{ ...warning, atMs: scene.nowMs }]);
    assert.deepEqual(scene.logger.lines, [
      {
        severity: 'WARNING',
        message: 'QUOTA WARNING writes per_minute',
        fields: { current: 45_000, limit: 50_000, percentage: 90 },
      },
    ]);
    assert.equal(scene.multiplier, 1);
  });

  it('asks to come again after a tick, however long it lasts, or when the denial ends', () => {
    const scene = new Scene();
    scene.refuseFor(200_000);
    assert.equal(scene.multiplier, 10);
    assert.equal(scene.refuse(), tickMs);
    assert.equal(scene.refuse('rate', 12_000), 12_000);
    assert.equal(scene.exhaust(), tickMs);
  });

  it('keeps kinds apart: reads that are served do not end the saturation of writes', () => {
    const scene = new Scene();
    for (let passed = 0; passed <= 60_000; passed += 5_000) {
      scene.refuse();
      scene.throttle.served('reads', scene.nowMs);
      scene.wait(5_000);
    }
    assert.equal(scene.multiplier, 1.5);
    const denial = { reason: 'rate', retryAtMs: scene.nowMs } as const;
    const first = perType((type) => scene.throttle.refused(type, denial, flow, scene.nowMs) - scene.nowMs);
    assert.deepEqual(first, { writes: tickMs, reads: tickMs, deletes: tickMs });
  });
});
