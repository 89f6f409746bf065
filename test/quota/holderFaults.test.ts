import assert from 'node:assert/strict';
import { seeded } from '../../bench/shared/random.ts';
import { DocumentError } from '../../functions/src/platform/documents.ts';
import { startMs } from '../support/clock.ts';
import { asked, charged, freeTier, longestGap, Scene, writing } from './scene.ts';

const secondMs = 1_000;
const minuteMs = 60_000;

describe('LeaseHolder and a ledger that fails', () => {
  it('grants nothing, asks less and less often, and goes on by itself', async () => {
    const scene = new Scene();
    const process = scene.process();
    const tries: number[] = [];
    scene.decide = () => {
      tries.push(scene.clock.now());
      return 'failed';
    };
    const run = writing(scene, process);
    await scene.clock.advance(10 * minuteMs);
    assert.equal(run.atMs.length, 0);
    const pauses = tries.slice(1).map((ms, index) => ms - (tries[index] ?? 0));
    assert.deepEqual(pauses.slice(0, 7), [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000]);
    assert.ok(pauses.slice(7).every((ms) => ms >= 60_000 && ms <= 61_000));

    scene.decide = () => 'done';
    await scene.clock.advance(minuteMs);
    assert.ok(run.atMs.length > 0);
    run.stop();
    await scene.clock.advance(minuteMs);
  });

  it('says that the ledger is not there, and when it will be asked again', async () => {
    const scene = new Scene();
    scene.decide = () => 'failed';
    const decision = await scene.process().holder.acquire('writes', 1, 500);
    assert.deepEqual(decision, {
      isGranted: false,
      reason: 'ledger_unavailable',
      retryAtMs: startMs + secondMs,
    });
  });

  it('slows down at once where Firestore says that it is exhausted to the ledger itself, and recovers @slow', async () => {
    const scene = new Scene();
    let isExhausted = true;
    const commit = scene.database.connect().commit;
    const process = scene.process('worker', {}, 10_000, {
      commit: async (writes, cause) => {
        if (isExhausted) throw new DocumentError('exhausted', 'Quota exceeded.');
        return commit(writes, cause);
      },
    });
    const run = writing(scene, process);
    await scene.clock.advance(secondMs);
    const messages = (): string[] => scene.logger.lines.map(({ message }) => message);
    assert.ok(messages().includes('EMERGENCY THROTTLING ENABLED'), messages().join('\n'));
    assert.ok(process.throttle.multiplier(scene.clock.now()) > 1);
    isExhausted = false;
    await scene.clock.advance(3 * minuteMs);
    assert.ok(run.atMs.length > 0);
    assert.ok(messages().includes('THROTTLING DISABLED'));
    run.stop();
    await scene.clock.advance(minuteMs);
  });

  it('goes on with its lease where a renewal surely was not recorded', async () => {
    const scene = new Scene();
    const run = writing(scene, scene.process());
    await scene.clock.advance(5 * secondMs);
    scene.decide = (operation) => (operation === 'documents.read' ? 'failed' : 'done');
    const begun = run.atMs.length;
    await scene.clock.advance(2 * secondMs);
    assert.ok(longestGap(run.atMs.slice(begun - 1)) <= 300);
    run.stop();
    await scene.clock.advance(minuteMs);
  });

  for (const [fate, exists] of [
    ['lost', 'the new lease'],
    ['failed', 'the old lease'],
  ] as const) {
    it(`uses neither lease where the answer is lost, and then returns ${exists}`, async () => {
      const scene = new Scene(freeTier);
      const process = scene.process();
      await process.holder.acquire('writes', 5, 1_000);
      const [old] = scene.state?.leases ?? [];
      assert.ok(old !== undefined);
      // Its end is near: the next operation renews it.
      await scene.clock.advance(old.endMs - scene.clock.now() - 2_000);
      scene.decide = (operation) => (operation === 'documents.commit' ? fate : 'done');
      const during = asked(scene, process, 'writes', 1);
      await scene.clock.advance(0);
      assert.equal(during.decision?.isGranted, true, 'what the renewal keeps is spent on the way');
      const late = asked(scene, process, 'writes', 1, 900);
      await scene.clock.advance(0);
      assert.deepEqual(late.decision && { ...late.decision, retryAtMs: 0 }, {
        isGranted: false,
        reason: 'ledger_unavailable',
        retryAtMs: 0,
      });
      const [stored] = scene.state?.leases ?? [];
      assert.equal(stored?.id === old.id, fate === 'failed');

      scene.decide = () => 'done';
      await scene.clock.advance(secondMs);
      const after = await process.holder.acquire('writes', 1, 5_000);
      assert.equal(after.isGranted, true);
      const leases = scene.state?.leases ?? [];
      assert.equal(leases.length, 1);
      assert.ok(
        leases.every(
          ({ id }) => (id !== old.id && id !== stored?.id) || id === (after.isGranted && after.leaseId),
        ),
      );
      await process.holder.close();
      assert.equal(charged(scene) - scene.ledgerWrites, 7, 'the seven that were granted');
    });
  }

  it('never spends more than is charged, whatever becomes of its requests', async () => {
    const fates = ['done', 'done', 'done', 'failed', 'lost', 'died before', 'died after'] as const;
    for (let seed = 1; seed <= 5; seed += 1) {
      const random = seeded(seed);
      const scene = new Scene(freeTier);
      const processes = [scene.process(), scene.process(), scene.process()];
      const runs = processes.map((process) => writing(scene, process, 3));
      scene.delayMs = 100;
      scene.decide = () => fates[Math.floor(random() * fates.length)] ?? 'done';
      await scene.clock.advance(10 * minuteMs);
      scene.decide = () => 'done';
      await scene.clock.advance(3 * minuteMs);
      for (const run of runs) run.stop();
      await scene.clock.advance(minuteMs);
      const closing = processes.map(({ holder }) => holder.close());
      await scene.clock.advance(minuteMs);
      await Promise.all(closing);
      const granted = runs.reduce((sum, { atMs }) => sum + atMs.length * 3, 0);
      const counted = charged(scene) - scene.ledgerWrites;
      assert.ok(
        granted > 1_000 && counted >= granted,
        `seed ${seed}: ${granted} granted, ${counted} charged`,
      );
      assert.equal(scene.state?.leases.length, 0, 'what was lost on the way is found and returned');
    }
  });

  it('uses no lease of a request that it gave up, however late that would have been recorded', async () => {
    const scene = new Scene(freeTier);
    const process = scene.process();
    await process.holder.acquire('writes', 5, 1_000);
    const [old] = scene.state?.leases ?? [];
    await scene.clock.advance((old?.endMs ?? 0) - scene.clock.now() - 2_500);
    scene.delayMs = 20_000;
    void asked(scene, process, 'writes', 1);
    await scene.clock.advance(16_000);
    const { ledgerWrites } = scene;
    scene.delayMs = 0;
    await scene.clock.advance(30_000);
    assert.equal(scene.ledgerWrites, ledgerWrites, 'the request that nobody waits for is not sent');
    await process.holder.close();
    assert.equal(charged(scene) - scene.ledgerWrites, 6);
  });

  it('knows its own lease where the client repeated a commit and met itself', async () => {
    const scene = new Scene(freeTier);
    let isFirst = true;
    const original = scene.database.connect.bind(scene.database);
    scene.database.connect = (decide) => {
      const store = original(decide);
      return {
        ...store,
        commit: async (writes, cause) => {
          const versions = await store.commit(writes, cause);
          if (!isFirst) return versions;
          isFirst = false;
          // Its answer was lost, and the client's second try finds another version.
          return store.commit(writes, cause);
        },
      };
    };
    const process = scene.process();
    const first = asked(scene, process, 'writes', 1);
    await scene.clock.advance(secondMs);
    const { decision } = first;
    assert.ok(decision?.isGranted);
    const leases = scene.state?.leases ?? [];
    assert.deepEqual(
      leases.map(({ id }) => id),
      [decision.leaseId],
    );
    assert.equal(scene.ledgerWrites, 1);
    await process.holder.close();
    assert.equal(scene.state?.leases.length, 0);
  });
});
