import assert from 'node:assert/strict';
import { ledgerPath } from '../../functions/src/quota/ledgerDocument.ts';
import { emptyLedger } from '../../functions/src/quota/ledgerState.ts';
import { startMs } from '../support/clock.ts';
import { asked, charged, freeTier, longestGap, plenty, Scene, writing } from './scene.ts';

const secondMs = 1_000;
const minuteMs = 60_000;
const hourMs = 3_600_000;
/** Midnight in Los Angeles. */
const resetMs = startMs + 8 * hourMs;

describe('LeaseHolder', () => {
  it('takes one lease for the first operation and spends it without asking again', async () => {
    const scene = new Scene();
    const process = scene.process();
    const first = asked(scene, process, 'writes', 1);
    await scene.clock.advance(0);
    assert.equal(first.decision?.isGranted, true);
    for (let index = 0; index < 20; index += 1) {
      const more = asked(scene, process, 'writes', 1);
      await scene.clock.advance(secondMs);
      assert.equal(more.decision?.isGranted, true);
    }
    assert.equal(scene.ledgerWrites, 1);
    assert.equal(scene.clock.pendingTimers, 0, 'nothing is left behind');
  });

  it('renews before the end, without a gap, also where the ledger takes its time', async () => {
    const scene = new Scene();
    scene.delayMs = 400;
    const process = scene.process();
    void process.holder.commitSize(100_000);
    const run = writing(scene, process, 40);
    await scene.clock.advance(5 * secondMs);
    const begun = run.atMs.length;
    await scene.clock.advance(2 * minuteMs);
    assert.ok(scene.ledgerWrites >= 12, `${scene.ledgerWrites} leases`);
    assert.ok(
      longestGap(run.atMs.slice(begun)) <= 60,
      `${longestGap(run.atMs.slice(begun))} ms, 51 at full rate`,
    );
    run.stop();
    await scene.clock.advance(minuteMs);
  });

  it('spends at most a tenth of a second of its rate at once, and never more than the rate over time @slow', async () => {
    const scene = new Scene();
    const process = scene.process();
    void process.holder.commitSize(100_000);
    await scene.clock.advance(0);
    const runs = Array.from({ length: 400 }, () => writing(scene, process));
    await scene.clock.advance(30 * secondMs);
    for (const run of runs) run.stop();
    const moments = runs.flatMap(({ atMs }) => atMs).sort((a, b) => a - b);
    for (const windowMs of [100, 1_000, 10_000]) {
      let first = 0;
      for (const [index, ms] of moments.entries()) {
        while ((moments[first] ?? 0) < ms - windowMs) first += 1;
        const most = (784 * (windowMs + 100)) / 1000 + 2;
        assert.ok(index - first <= most, `${index - first} in ${windowMs} ms`);
      }
    }
    assert.ok(moments.length > 784 * 28, `${moments.length} in 30 s`);
    await scene.clock.advance(minuteMs);
  });

  it('holds at most 100 ms of its rate, or one document, in a commit', async () => {
    const scene = new Scene({ ...plenty, rates: { ...plenty.rates, writes: 50 } });
    const process = scene.process();
    assert.equal(
      await process.holder.commitSize(1_000),
      4,
      '98 % of 50 a second, less what the ledger needs',
    );
    const slow = new Scene({ ...plenty, rates: { ...plenty.rates, writes: 2 } });
    assert.equal(await slow.process().holder.commitSize(1_000), 1);
  });

  it('keeps a rate for a kind that it used lately: a write now and then asks the ledger for nothing', async () => {
    const scene = new Scene();
    const process = scene.process();
    void asked(scene, process, 'writes', 1);
    // Queries large enough that their leases are short, and renewed many times.
    const reads = async (untilMs: number): Promise<void> => {
      while (scene.clock.now() < untilMs) {
        void asked(scene, process, 'reads', 700);
        await scene.clock.advance(100);
      }
    };
    await reads(startMs + minuteMs);
    const renewals = scene.ledgerWrites;
    assert.ok(renewals > 2, `${renewals} leases`);
    const write = asked(scene, process, 'writes', 1);
    await scene.clock.advance(0);
    assert.equal(write.decision?.isGranted, true);
    assert.equal(scene.ledgerWrites, renewals, 'it is served from the lease that there is');
  });

  it('serves in order, also where a later one is smaller', async () => {
    const scene = new Scene({ ...plenty, rates: { ...plenty.rates, reads: 100 } });
    const process = scene.process();
    const order: string[] = [];
    for (const [name, count] of Object.entries({ a: 30, b: 30, c: 1, d: 20, e: 1 })) {
      void process.holder.acquire('reads', count, 10_000).then(() => order.push(name));
    }
    await scene.clock.advance(5 * secondMs);
    assert.deepEqual(order, ['a', 'b', 'c', 'd', 'e']);
  });

  it('lets a query that is larger than a burst through, and has it paid for by those after it', async () => {
    const scene = new Scene({ ...plenty, rates: { ...plenty.rates, reads: 100 } });
    const process = scene.process('api');
    const query = asked(scene, process, 'reads', 300);
    await scene.clock.advance(0);
    assert.equal(query.decision?.isGranted, true);
    const next = asked(scene, process, 'reads', 1);
    await scene.clock.advance(5 * secondMs);
    assert.equal(next.decision?.isGranted, true);
    const waitedMs = next.atMs - query.atMs;
    assert.ok(waitedMs >= 2_800 && waitedMs <= 3_400, `${waitedMs} ms at 97 a second`);

    const [small, another] = [asked(scene, process, 'reads', 5), asked(scene, process, 'reads', 300)];
    await scene.clock.advance(secondMs);
    assert.equal(another.decision?.isGranted, true);
    const fillingMs = another.atMs - small.atMs;
    assert.ok(fillingMs >= 45 && fillingMs <= 60, `it waited ${fillingMs} ms for a full bucket`);
  });

  it('says when to come again to those that wait too long, and lets nothing wait longer than it asked', async () => {
    const scene = new Scene({ ...plenty, rates: { ...plenty.rates, writes: 10 } });
    const process = scene.process();
    const waiting = Array.from({ length: 100 }, () => asked(scene, process, 'writes', 1, 2_000));
    await scene.clock.advance(2_000);
    const refused = waiting.filter(({ decision }) => decision?.isGranted === false);
    const granted = waiting.filter(({ decision }) => decision?.isGranted === true);
    assert.ok(granted.length >= 15 && granted.length <= 21, `${granted.length} in 2 s`);
    assert.equal(refused.length, 100 - granted.length);
    assert.deepEqual(refused[0], {
      decision: { isGranted: false, reason: 'rate', retryAtMs: startMs + 7_000 },
      atMs: startMs + 2_000,
    });
    assert.equal(scene.clock.pendingTimers, 0);
  });

  it('gives back what was surely not done, once, and only while its lease is the present one', async () => {
    const scene = new Scene(freeTier);
    const process = scene.process();
    const { holder } = process;
    const decision = await holder.acquire('reads', 40, 1_000);
    assert.ok(decision.isGranted);
    holder.refund('reads', 39, decision.leaseId);
    holder.refund('reads', 1_000, decision.leaseId);
    holder.refund('reads', 30, 'another');
    await holder.close();
    assert.equal(scene.state?.leases.length, 0);
    assert.equal(scene.state?.charged.reads, 2, "the ledger's own two");
    assert.equal(scene.state?.charged.writes, 2);
  });

  it('at its end returns the rest, and grants nothing any more', async () => {
    const scene = new Scene(freeTier);
    const process = scene.process();
    await process.holder.acquire('writes', 1, 1_000);
    assert.equal(charged(scene), 21, "a thousandth of the day, and the ledger's own");
    const waiting = asked(scene, process, 'writes', 50);
    process.meter.count('flush', { writes: 1 });
    await process.holder.close();
    assert.equal(waiting.decision?.isGranted, false);
    assert.equal(charged(scene) - scene.ledgerWrites, 1);
    assert.deepEqual(scene.state?.used.byPurpose['flush'], { writes: 1, reads: 0, deletes: 0 });
    assert.equal((await process.holder.acquire('writes', 1, 1_000)).isGranted, false);
    const writes = scene.ledgerWrites;
    await process.holder.close();
    assert.equal(scene.ledgerWrites, writes, 'a second end does nothing');
    assert.equal(scene.clock.pendingTimers, 0);
  });

  it('leaves a ledger that every version reads: its purposes and released rates keep their stored names', async () => {
    const scene = new Scene();
    const { holder, meter } = scene.process();
    await holder.acquire('writes', 1, 1_000);
    meter.count('flush', { writes: 1 });
    await holder.close();
    const stored = JSON.parse(String(scene.database.fields(ledgerPath)?.['ledger']));
    assert.deepEqual(stored.used.byCause.flush, { writes: 1, reads: 0, deletes: 0 });
    assert.equal(stored.cooling.length, 1);
    assert.deepEqual([stored.version, stored.used.byPurpose, stored.releasing], [1, undefined, undefined]);
  });

  it('goes on with a ledger of an earlier version, in which nothing was counted of the flush, of miners and of work', async () => {
    const scene = new Scene(freeTier);
    const day = scene.days.dayOf(startMs).id;
    const { history: _, reports: __, flushReads: ___, minerReads: ____, ...later } = emptyLedger(day);
    const { spentAtMs: _____, ...earlier } = later;
    const { byPurpose: byCause, ...figures } = earlier.used;
    const stored = { version: 1, ...earlier, cooling: [], used: { ...figures, byCause } };
    scene.database.set(ledgerPath, { ledger: JSON.stringify(stored) });
    for (const kind of ['flush', 'miner'] as const) {
      const decision = await scene.process(kind).holder.acquire('reads', 5, 1_000);
      assert.equal(decision.isGranted, true);
    }
    assert.deepEqual([scene.state?.flushReads, scene.state?.minerReads], [50, 50]);
    assert.equal(scene.state?.history.hours[0]?.operations.writes, 2, "the ledger's own");
  });

  it('asks for more where a caller that does one after the other waits most of its time', async () => {
    const scene = new Scene();
    const process = scene.process();
    const run = writing(scene, process);
    await scene.clock.advance(10 * secondMs);
    const begun = run.atMs.length;
    await scene.clock.advance(10 * secondMs);
    assert.ok(run.atMs.length - begun > 500, `${run.atMs.length - begun} in 10 s`);
    assert.ok(scene.ledgerWrites < 20, `${scene.ledgerWrites} leases`);
    run.stop();
    await scene.clock.advance(minuteMs);
  });

  it('wants no more for queries that could have cost more than they did', async () => {
    const scene = new Scene();
    const { holder } = scene.process('api');
    for (let index = 0; index < 60; index += 1) {
      const decision = await holder.acquire('reads', 250, 1_000);
      if (decision.isGranted) holder.refund('reads', 249, decision.leaseId);
      await scene.clock.advance(secondMs);
    }
    void holder.commitSize(100_000);
    await scene.clock.advance(secondMs);
    const wanted = scene.state?.leases[0]?.demands.reads ?? 0;
    assert.ok(wanted >= 1 && wanted <= 2, `${wanted} reads a second`);
  });

  it('costs the ledger nothing while idle', async () => {
    const scene = new Scene();
    const process = scene.process();
    await process.holder.acquire('writes', 1, 1_000);
    const { ledgerWrites, ledgerReads } = scene;
    await scene.clock.advance(24 * hourMs);
    assert.deepEqual([scene.ledgerWrites, scene.ledgerReads], [ledgerWrites, ledgerReads]);
    assert.equal(scene.clock.pendingTimers, 0);
  });

  it('nearly idle, two holders with a write a minute cost at most 10 ledger writes an hour', async () => {
    for (const limits of [plenty, freeTier]) {
      const scene = new Scene(limits);
      const processes = [scene.process(), scene.process()];
      let refused = 0;
      for (let minute = 0; minute < 5 * 60; minute += 1) {
        for (const { holder } of processes) {
          if (!(await holder.acquire('writes', 1, 1_000)).isGranted) refused += 1;
        }
        await scene.clock.advance(minuteMs);
      }
      assert.equal(refused, 0);
      assert.ok(scene.ledgerWrites <= 50, `${scene.ledgerWrites} in 5 hours`);
    }
  });

  it('before the reset does not ask again and again for leases that cannot be longer', async () => {
    const scene = new Scene();
    scene.clock.jumpTo(resetMs - 30 * secondMs);
    scene.delayMs = 50;
    const run = writing(scene, scene.process());
    await scene.clock.advance(20 * secondMs);
    const before = scene.ledgerWrites;
    await scene.clock.advance(10 * secondMs - 1);
    assert.ok(scene.ledgerWrites - before <= 8, `${scene.ledgerWrites - before} in the last 10 s`);
    const last = run.atMs.filter((ms) => ms < resetMs).at(-1) ?? 0;
    assert.ok(
      last < resetMs - secondMs && last > resetMs - 2 * secondMs,
      `the last ${resetMs - last} ms before`,
    );
    await scene.clock.advance(5 * secondMs);
    const next = run.atMs.find((ms) => ms >= resetMs) ?? 0;
    assert.ok(next >= resetMs + secondMs && next <= resetMs + 3 * secondMs, `${next - resetMs} ms after`);
    run.stop();
    await scene.clock.advance(minuteMs);
  });
});

describe('LeaseHolder while a renewal is under way', () => {
  it('spends nothing that it gave back: what it does not tell of stays charged', async () => {
    const scene = new Scene(freeTier);
    const process = scene.process();
    const first = await process.holder.acquire('writes', 200, 1_000);
    assert.ok(first.isGranted);
    process.holder.refund('writes', 190, first.leaseId);
    const [lease] = scene.state?.leases ?? [];
    await scene.clock.advance((lease?.endMs ?? 0) - scene.clock.now() - 2_900);
    scene.delayMs = 500;
    const on = [1, 70, 70].map((count) => asked(scene, process, 'writes', count));
    await scene.clock.advance(400);
    assert.ok(
      on.every(({ decision }) => decision?.isGranted),
      'spent on the way',
    );
    await scene.clock.advance(1_000);
    assert.equal(scene.ledgerWrites, 2);
    assert.ok(charged(scene) >= 10 + 141 + 2, `${charged(scene)} charged, were it to die now`);
    scene.delayMs = 0;
    await process.holder.close();
    assert.equal(charged(scene), 10 + 141 + scene.ledgerWrites);
  });

  it('spends of the old lease for 3 s at most, however long the answer takes', async () => {
    const scene = new Scene();
    const process = scene.process();
    await process.holder.acquire('writes', 1, 1_000);
    await scene.clock.advance(secondMs);
    const sentMs = scene.clock.now();
    scene.delayMs = 4_000;
    const many = Array.from({ length: 60 }, () => asked(scene, process, 'writes', 1));
    await scene.clock.advance(8_500);
    const moments = many.flatMap(({ decision, atMs }) => (decision?.isGranted ? [atMs - sentMs] : []));
    assert.ok(moments.filter((ms) => ms < 3_000).length >= 10, 'it goes on meanwhile');
    assert.deepEqual(
      moments.filter((ms) => ms > 3_000 && ms < 8_000),
      [],
    );
    assert.ok(moments.some((ms) => ms >= 8_000));
    await scene.clock.advance(minuteMs);
  });
});
