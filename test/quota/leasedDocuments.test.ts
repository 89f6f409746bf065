import assert from 'node:assert/strict';
import {
  DocumentError,
  type DocumentStore,
  type DocumentWrite,
} from '../../functions/src/platform/documents.ts';
import { leasedDocuments } from '../../functions/src/quota/leasedDocuments.ts';
import { OperationMeter } from '../../functions/src/quota/meter.ts';
import { type BilledType, noOperations, type Operations } from '../../functions/src/quota/operations.ts';
import { Throttle } from '../../functions/src/quota/throttle.ts';
import { ManualClock, startMs } from '../support/clock.ts';
import { memoryLogger } from '../support/logger.ts';
import { answering } from '../support/quota.ts';
import { freeTier, plenty, Scene } from './scene.ts';

const query = { collection: 'tasks', filters: [], orderBy: [], limit: 50 };

function set(path: string): DocumentWrite {
  return { path, ifVersion: 'any', changes: [{ path: ['a'], value: 1 }] };
}

function removal(path: string): DocumentWrite {
  return { path, ifVersion: 'any', changes: 'deleted' };
}

/** Documents whose holder grants as it is told, and writes down what is taken and given back. */
function counted(store: Partial<DocumentStore> = {}, deny?: BilledType) {
  const taken: Operations = { ...noOperations };
  const calls: string[] = [];
  const clock = new ManualClock();
  const meter = new OperationMeter();
  const throttle = new Throttle({ logger: memoryLogger(), tickMs: 5_000, warn: () => undefined });
  const spied = Object.fromEntries(
    Object.entries({ ...answering, ...store }).map(([name, method]) => [
      name,
      (...given: unknown[]) => {
        calls.push(name);
        return (method as (...all: unknown[]) => unknown)(...given);
      },
    ]),
  ) as unknown as DocumentStore;
  const documents = leasedDocuments({
    open: async () => spied,
    holder: {
      acquire: async (type, count) => {
        if (type === deny) return { isGranted: false, reason: 'daily_budget', retryAtMs: startMs + 900_000 };
        taken[type] += count;
        return { isGranted: true, leaseId: `lease of ${type}` };
      },
      refund: (type, count, leaseId) => {
        assert.equal(leaseId, `lease of ${type}`);
        taken[type] -= count;
      },
      commitSize: async () => ({ reason: 'daily_budget', retryAtMs: startMs + 900_000 }),
    },
    meter,
    throttle,
    clock,
    maxWaitMs: 1_000,
  });
  return { documents, taken, calls, meter, throttle, clock };
}

type Scenario = ReturnType<typeof counted>;

const calls: [string, (documents: Scenario['documents']) => Promise<unknown>, Partial<Operations>][] = [
  ['read', (documents) => documents.read(['a/1', 'a/2', 'a/3'], 'x'), { reads: 3 }],
  [
    'commit',
    (documents) => documents.commit([set('a/1'), set('a/2'), removal('a/3')], 'x'),
    { writes: 2, deletes: 1 },
  ],
  [
    'commitIfAbsent',
    (documents) => documents.commitIfAbsent([set('a/1'), removal('a/2')], ['b/1', 'b/2'], 'x'),
    { writes: 1, deletes: 1, reads: 2 },
  ],
  ['query', (documents) => documents.query(query, 'x'), { reads: 3 }],
  ['count', (documents) => documents.count(query, 'x'), { reads: 3 }],
];

describe('Leased documents', () => {
  it('that are not absent as they should be cost the reads that tell so', async () => {
    const { documents, taken, meter } = counted({
      commitIfAbsent: () =>
        Promise.reject(new DocumentError('conflict', 'There is a b/1.', { present: ['b/1'] })),
    });
    const writes = [set('a/1'), removal('a/2')];
    await assert.rejects(documents.commitIfAbsent(writes, ['b/1', 'b/2'], 'x'), { failure: 'conflict' });
    assert.deepEqual(taken, { ...noOperations, reads: 2 });
    assert.deepEqual(meter.byPurpose(), { x: { ...noOperations, reads: 2 } });
  });

  for (const [name, call, cost] of calls) {
    const expected = { ...noOperations, ...cost };

    it(`${name} is spent and counted as it is billed`, async () => {
      const { documents, taken, meter } = counted();
      await call(documents);
      assert.deepEqual(taken, expected);
      assert.deepEqual(meter.byPurpose(), { x: expected });
      await call(documents);
      assert.deepEqual(meter.of('x').reads, expected.reads * 2, 'a repetition is spent anew');
      assert.equal(taken.reads, expected.reads * 2);
    });

    it(`${name} without a lease is not sent, not counted, and says when to come again`, async () => {
      const type = (['deletes', 'reads', 'writes'] as const).find((each) => expected[each] > 0);
      const { documents, taken, calls: sent, meter } = counted({}, type);
      await assert.rejects(call(documents), (error) => {
        assert.ok(error instanceof DocumentError);
        assert.equal(error.failure, 'no_quota');
        assert.equal(error.retryAtMs, startMs + 900_000);
        assert.match(error.message, /daily_budget/);
        return true;
      });
      assert.deepEqual(sent, []);
      assert.deepEqual(taken, noOperations, 'what another kind got comes back');
      assert.deepEqual(meter.byPurpose(), {});
    });

    it(`${name} whose answer is lost keeps the most that it may have cost`, async () => {
      const down = () => Promise.reject(new DocumentError('unavailable', 'down'));
      const { documents, taken, meter } = counted({ [name]: down });
      await assert.rejects(call(documents), { failure: 'unavailable' });
      const most = {
        ...expected,
        ...(name === 'query' && { reads: 50 }),
        ...(name === 'count' && { reads: 100 }),
      };
      assert.deepEqual(taken, most);
      assert.deepEqual(meter.of('x'), most);
    });
  }

  it('an empty query is one read, and no paths are none', async () => {
    const { documents, taken } = counted({
      query: async () => ({ documents: [], readTimeMs: 0, billedReads: 1 }),
    });
    await documents.query(query, 'x');
    assert.equal(taken.reads, 1);
    await documents.read([], 'x');
    assert.equal(taken.reads, 1);
  });

  it('RESOURCE_EXHAUSTED slows everything at once, and says when to come again', async () => {
    const { documents, throttle, clock } = counted({
      commit: () => Promise.reject(new DocumentError('exhausted', 'Quota exceeded.')),
    });
    await assert.rejects(documents.commit([set('a/1')], 'x'), (error) => {
      assert.ok(error instanceof DocumentError);
      assert.equal(error.failure, 'exhausted');
      assert.equal(error.retryAtMs, startMs + 5_000);
      return true;
    });
    assert.equal(throttle.multiplier(clock.now()), 1.5);
    assert.equal(throttle.rateDivisor(clock.now()), 1.5);
  });

  it('say how much a commit may hold, or why nothing may', async () => {
    const { documents } = counted();
    await assert.rejects(documents.commitSize(10), { failure: 'no_quota', retryAtMs: startMs + 900_000 });
    const scene = new Scene();
    assert.equal(await scene.process().documents.commitSize(1_000), 78);
  });

  it('with the real ledger spend no more than the day allows, and reads that cost less come back', async () => {
    const scene = new Scene({ ...plenty, daily: { writes: 0, reads: 200, deletes: 0 } });
    const { documents, holder } = scene.process('api', {
      query: async () => ({ documents: [], readTimeMs: 0, billedReads: 1 }),
    });
    let done = 0;
    for (; done < 300; done += 1) {
      const outcome = documents.query({ ...query, limit: 5 }, 'list').catch((error: unknown) => error);
      await scene.clock.advance(1_000);
      if ((await outcome) instanceof DocumentError) break;
    }
    assert.ok(done >= 80 && done <= 200, `${done} queries of one read each`);
    await holder.close();
    assert.ok((scene.state?.charged.reads ?? 0) <= 200);
    assert.equal(scene.state?.used.byPurpose['list']?.reads, done);
  });
});

describe("Cleanup's first reads", () => {
  it('need no lease: two an hour, counted as such; what is more, or another cause, does', async () => {
    const { documents, taken, calls: sent, meter, clock } = counted({}, 'reads');
    const peek = { ...query, limit: 1 };
    await documents.query(peek, 'cleanup_first');
    await documents.read(['a/1'], 'cleanup_first');
    assert.deepEqual(sent, ['query', 'read']);
    assert.equal(meter.drain('a')[0]?.unleased.reads, 2);
    for (const call of [() => documents.query(peek, 'cleanup_first'), () => documents.query(peek, 'cleanup')])
      await assert.rejects(call(), { failure: 'no_quota' });
    await clock.advance(3_600_000);
    await assert.rejects(documents.read(['a/1', 'a/2', 'a/3'], 'cleanup_first'), { failure: 'no_quota' });
    await assert.rejects(documents.commitIfAbsent([], ['a/1'], 'x'), { failure: 'no_quota' });
    await documents.read(['a/1', 'a/2'], 'cleanup_first');
    assert.equal(meter.drain('a')[0]?.unleased.reads, 2);
    assert.deepEqual(taken, noOperations);
  });

  it('never cover a write', async () => {
    const { documents } = counted({}, 'writes');
    await assert.rejects(documents.commitIfAbsent([set('a/1')], ['a/1'], 'cleanup_first'), {
      failure: 'no_quota',
    });
  });

  it('are charged to the day with the next request', async () => {
    const scene = new Scene(freeTier);
    const { documents, holder } = scene.process('worker', answering);
    await documents.read(['a/1', 'a/2'], 'cleanup_first');
    assert.equal(scene.ledgerReads, 0);
    await holder.close();
    assert.equal(scene.state?.charged.reads, 3, "with the ledger's own");
    assert.deepEqual(scene.state?.used.byPurpose['cleanup_first'], { writes: 0, reads: 2, deletes: 0 });
  });
});
