import assert from 'node:assert/strict';
import { seeded } from '../../bench/shared/random.ts';
import { maxKnownReports, maxUncertainReports } from '../../functions/src/quota/limits.ts';
import { OperationMeter } from '../../functions/src/quota/meter.ts';
import { noOperations, type Operations } from '../../functions/src/quota/operations.ts';
import { nothingDone, type UseReport } from '../../functions/src/quota/use.ts';
import type { Work } from '../../functions/src/quota/work.ts';
import { allDone } from '../support/fate.ts';
import { Book, days, noonMs, writes } from './book.ts';
import { freeTier, Scene, writing } from './scene.ts';

const secondMs = 1_000;
const minuteMs = 60_000;

function report(id: string, work: Work, operations: Operations = noOperations): UseReport {
  return { ...nothingDone(), id, work, byPurpose: { flush: operations } };
}

describe('reports to the ledger', () => {
  const reported = (book: Book) => book.state?.history.total;

  it('are recorded with the lease that is granted, at the time of the request', () => {
    const book = new Book();
    const { recorded } = book.ask({
      wanted: { demands: writes(1) },
      use: [report('a', { responses: 3 }, writes(2)), report('b', { carriers: 1 })],
    });
    assert.deepEqual(recorded, ['a', 'b']);
    assert.deepEqual(reported(book), { responses: 3, carriers: 1 });
    assert.deepEqual(book.state?.history.hours, [
      {
        startMs: noonMs,
        operations: { writes: 3, reads: 1, deletes: 0 },
        work: { responses: 3, carriers: 1 },
      },
    ]);
  });

  it('count once, however often they are sent', () => {
    const book = new Book();
    const first = report('a', { responses: 3 }, writes(2));
    book.take(1, { use: [first] });
    const { recorded } = book.ask({
      wanted: { demands: writes(1) },
      use: [first, report('b', { polls: 1 })],
    });
    assert.deepEqual(recorded, ['a', 'b']);
    assert.deepEqual(reported(book), { responses: 3, polls: 1 });
    assert.equal(book.state?.used.total.writes, 2 + 2, "with the ledger's own");
  });

  it('are known for as long as others have reported less than 256 times', () => {
    const book = new Book();
    book.take(1, { use: [report('a', { responses: 1 })] });
    for (let index = 1; index < maxKnownReports; index += 1)
      book.ask({ holder: `h${index}`, returns: [], use: [report(`r${index}`, {})] });
    book.ask({ use: [report('a', { responses: 1 })] });
    assert.deepEqual(reported(book), { responses: 1 });
    assert.equal(book.state?.reports.length, maxKnownReports);
  });

  it('that a refusal leaves out must be sent again; what is known is said all the same', () => {
    const book = new Book();
    book.take(1, { use: [report('a', { responses: 1 })] });
    const resetMs = days.dayOf(noonMs).endMs;
    const { recorded, denials } = book.ask({
      nowMs: resetMs - 500,
      wanted: { demands: writes(1) },
      use: [report('a', { responses: 1 }), report('b', { responses: 1 })],
    });
    assert.equal(denials.writes?.reason, 'reset');
    assert.deepEqual(recorded, ['a']);
    assert.deepEqual(reported(book), { responses: 1 });
  });
});

describe('a process reports its work', () => {
  it('with the next lease that it asks for, and at its end: never by itself', async () => {
    const scene = new Scene();
    const { holder, meter } = scene.process();
    await holder.acquire('writes', 1, secondMs);
    meter.countWork({ responses: 3 });
    await scene.clock.advance(9 * secondMs);
    assert.deepEqual([scene.ledgerWrites, scene.state?.history.total], [1, {}]);
    await holder.close();
    assert.deepEqual(scene.state?.history.total, { responses: 3 });
    const { ledgerWrites } = scene;
    meter.countWork({ polls: 1 });
    await holder.close();
    assert.equal(scene.ledgerWrites, ledgerWrites, 'work alone is written nowhere');
  });

  it('at the hour of the report, however late that is', async () => {
    const scene = new Scene();
    const { holder, meter } = scene.process();
    await holder.acquire('writes', 1, secondMs);
    meter.countWork({ responses: 1 });
    await scene.clock.advance(5 * 60 * minuteMs);
    await holder.acquire('writes', 1, secondMs);
    const { hours = [] } = scene.state?.history ?? {};
    assert.deepEqual(
      hours.map(({ work }) => work),
      [{}, { responses: 1 }],
    );
    assert.equal((hours[1]?.startMs ?? 0) - (hours[0]?.startMs ?? 0), 5 * 60 * minuteMs);
  });

  it('once, whatever becomes of its requests', async () => {
    const fates = ['done', 'done', 'failed', 'lost'] as const;
    for (let seed = 1; seed <= 5; seed += 1) {
      const random = seeded(seed);
      const scene = new Scene(freeTier);
      const processes = [scene.process(), scene.process('flush'), scene.process('api')];
      const runs = processes.map((process) => writing(scene, process, 3));
      scene.delayMs = 100;
      scene.decide = () => fates[Math.floor(random() * fates.length)] ?? 'done';
      let counted = 0;
      for (let step = 0; step < 300; step += 1) {
        const work = Math.floor(random() * 5);
        processes[step % 3]?.meter.countWork({ responses: work });
        counted += work;
        await scene.clock.advance(2 * secondMs);
      }
      scene.decide = allDone;
      await scene.clock.advance(3 * minuteMs);
      for (const run of runs) run.stop();
      await scene.clock.advance(minuteMs);
      const closing = processes.map(({ holder }) => holder.close());
      await scene.clock.advance(minuteMs);
      await Promise.all(closing);
      assert.ok(scene.logger.lines.some(({ message }) => message.startsWith('No lease')));
      assert.deepEqual(scene.state?.history.total, { responses: counted }, `seed ${seed}`);
    }
  });

  it('once where a refusal is all that is recorded, and the client meets its own commit', async () => {
    const scene = new Scene();
    const first = scene.process('worker');
    const all = await first.holder.commitSize(1_000_000);
    assert.ok(Number(all) > 1);
    let isFirst = true;
    const { commit } = scene.database.connect();
    const late = scene.process('worker', {}, 10 * secondMs, {
      commit: async (writes, cause) => {
        const versions = await commit(writes, cause);
        if (!isFirst) return versions;
        isFirst = false;
        return commit(writes, cause);
      },
    });
    late.meter.countWork({ responses: 3 });
    const { holder } = late;
    void holder.acquire('writes', 1, 10 * secondMs);
    await scene.clock.advance(20 * secondMs);
    assert.equal(isFirst, false);
    await Promise.all([holder.close(), first.holder.close()]);
    assert.deepEqual(scene.state?.history.total, { responses: 3 });
  });
});

describe('what a meter knows of reports', () => {
  const workOf = (reports: readonly UseReport[]) => reports.map(({ id, work }) => [id, work]);

  it('goes with the next as it is, under its id, where it may be recorded', () => {
    const meter = new OperationMeter();
    meter.countWork({ polls: 1 });
    const sent = meter.drain('a');
    meter.countWork({ polls: 2 });
    meter.keep(sent);
    assert.deepEqual(workOf(meter.drain('b')), [
      ['a', { polls: 1 }],
      ['b', { polls: 2 }],
    ]);
    assert.deepEqual(meter.drain('c'), []);
  });

  it('goes into the next where it is surely not recorded', () => {
    const meter = new OperationMeter();
    meter.countWork({ polls: 1 });
    meter.restore(meter.drain('a'));
    meter.countWork({ polls: 2 });
    assert.deepEqual(workOf(meter.drain('b')), [['b', { polls: 3 }]]);
  });

  it('is no more than a few reports, with all that there was', () => {
    const meter = new OperationMeter();
    for (let index = 0; index < 3 * maxUncertainReports; index += 1) {
      meter.countWork({ polls: 1 });
      meter.keep(meter.drain(`r${index}`));
    }
    const reports = meter.drain('last');
    assert.ok(reports.length <= maxUncertainReports + 1);
    assert.equal(
      reports.reduce((sum, { work }) => sum + (work['polls'] ?? 0), 0),
      3 * maxUncertainReports,
    );
  });

  it('is all of it, also operations without a lease that are still under way', () => {
    const meter = new OperationMeter();
    meter.countUnleased({ reads: 2 });
    assert.equal(meter.drain('a')[0]?.unleased.reads, 2);
  });
});
