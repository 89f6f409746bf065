import assert from 'node:assert/strict';
import { Scene } from './scene.ts';

const secondMs = 1_000;
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

describe('A flush reports its work', () => {
  const setUp = () => {
    const scene = new Scene();
    const { holder, meter, documents } = scene.process('flush');
    holder.reportWork();
    /** Writes a document and counts an answer, as flush does. */
    const work = async (): Promise<void> => {
      const changes = [{ path: ['a'], value: 1 }];
      await documents.commit(
        [{ path: `t/${scene.database.commits.length}`, ifVersion: 'absent' as const, changes }],
        'flush',
      );
      meter.countWork({ responses: 1 });
    };
    const told = (): number => scene.state?.history.total.responses ?? 0;
    return { scene, holder, work, told };
  };

  it('once a burst is over, all of it, with one write', async () => {
    const { scene, work, told } = setUp();
    for (let answer = 0; answer < 10; answer += 1) {
      await work();
      await scene.clock.advance(3 * secondMs);
    }
    const { ledgerWrites } = scene;
    await scene.clock.advance(15 * secondMs);
    assert.deepEqual([told(), scene.ledgerWrites - ledgerWrites], [10, 1]);
    await scene.clock.advance(24 * hourMs);
    assert.equal(scene.ledgerWrites - ledgerWrites, 1);
    assert.equal(scene.clock.pendingTimers, 0, 'an idle process has nothing to come back to');
  });

  it('after a minute of work that does not pause', async () => {
    const { scene, work, told } = setUp();
    const startMs = scene.clock.now();
    for (let answer = 0; answer < 13; answer += 1) {
      await work();
      await scene.clock.advance(5 * secondMs);
    }
    assert.ok(told() >= 12, `${told()} of 13`);
    const [lease] = scene.state?.leases ?? [];
    assert.equal(lease?.startMs, startMs, 'it keeps the lease that it works with');
  });

  it('a few times an hour at most: nearly idle, it costs up to 8 ledger writes an hour, and misses nothing', async () => {
    const { scene, work, told } = setUp();
    for (let minute = 0; minute < 300; minute += 1) {
      await work();
      await scene.clock.advance(minuteMs);
      assert.ok(minute + 1 - told() <= 20, `${told()} of ${minute + 1}`);
    }
    assert.ok(scene.ledgerWrites <= 5 * 8, `${scene.ledgerWrites} in 5 hours`);
    await scene.clock.advance(20 * minuteMs);
    assert.equal(told(), 300);
  });

  it('at first with its lease: a process that is started for one thing costs two ledger writes', async () => {
    const { scene, holder, work, told } = setUp();
    await work();
    await scene.clock.advance(15 * minuteMs);
    await holder.close();
    assert.deepEqual([told(), scene.ledgerWrites], [1, 2]);
    assert.deepEqual(scene.state?.leases, []);
  });

  it('again with what follows where the ledger could not be told, and once', async () => {
    const { scene, holder, work, told } = setUp();
    await work();
    await scene.clock.advance(minuteMs);
    await work();
    for (const fate of ['lost', 'failed'] as const) {
      scene.decide = (call) => (call === 'documents.commit' ? fate : 'done');
      const working = work();
      await scene.clock.advance(minuteMs);
      await working;
    }
    scene.decide = () => 'done';
    await holder.close();
    assert.equal(told(), 4);
    await work().catch(() => undefined);
    await scene.clock.advance(hourMs);
    assert.equal(scene.clock.pendingTimers, 0, 'nothing is told after the end');
  });
});
