import assert from 'node:assert/strict';
import { ledgerPath } from '../../functions/src/quota/ledgerDocument.ts';
import { startMs } from '../support/clock.ts';
import { created, patched } from '../support/events.ts';
import { operation } from '../support/operations.ts';
import { type Pipeline, startPipeline } from '../support/pipeline.ts';

const plenty = {
  rates: { writes: 800, reads: 8_000, deletes: 400 },
  perMinute: { writes: 50_000, reads: 500_000, deletes: 25_000 },
  daily: { writes: 0, reads: 0, deletes: 0 },
};
const minuteMs = 60_000;
/** Midnight in Los Angeles, 8 hours after the tests' time begins. */
const resetMs = startMs + 8 * 60 * minuteMs;

function accept(pipeline: Pipeline, count: number): Promise<void> {
  const events = Array.from({ length: count }, (_, index) =>
    patched(`t${index}`, pipeline.clock.now(), { priority: 1 }, { visibility: 'prompt' }),
  );
  return pipeline.accept(events);
}

function writtenTasks({ documents }: Pipeline): number {
  return documents.paths().filter((path) => path.startsWith('tasks/')).length;
}

function ledgerWrites({ documents }: Pipeline): number {
  return documents.commits.flat().filter((path) => path === ledgerPath).length;
}

describe('flush and the quota', () => {
  it('at the daily budget, what is left waits in the queue, and is written after the reset @slow', async () => {
    const pipeline = startPipeline({ limits: { ...plenty, daily: { ...plenty.daily, writes: 2_000 } } });
    await accept(pipeline, 3_000);
    await pipeline.clock.advance(40 * minuteMs);

    const written = writtenTasks(pipeline);
    assert.ok(
      written > 1_800 && written + ledgerWrites(pipeline) <= 2_000,
      `${written} tasks, and the ledger's own`,
    );
    const before = pipeline.tasks.put.length;
    const readsBefore = pipeline.documents.reads.length;
    await pipeline.clock.advance(60 * minuteMs);
    const hops = new Set(pipeline.tasks.put.slice(before).map(({ dueMs }) => dueMs));
    assert.ok(hops.size >= 4 && hops.size <= 5, `${hops.size} hops in an hour`);
    assert.equal(writtenTasks(pipeline), written);
    const reads = pipeline.documents.reads.slice(readsBefore).flat();
    assert.ok(
      reads.every((path) => path === ledgerPath),
      'nothing is read while nothing may be written',
    );

    await pipeline.clock.advance(resetMs - pipeline.clock.now() + 20 * minuteMs);
    assert.equal(writtenTasks(pipeline), 3_000);
    assert.deepEqual(pipeline.objects.names(), [], 'no dead letter, no spool');
  });

  it('documents are written where only deletes are spent, and what is to be deleted waits', async () => {
    const pipeline = startPipeline({ limits: { ...plenty, daily: { ...plenty.daily, deletes: 50 } } });
    const { clock } = pipeline;
    const apply = async (type: 'set' | 'update' | 'delete', paths: string[]): Promise<void> => {
      const data = type === 'delete' ? undefined : { [type]: true };
      const prompt = { visibility: 'prompt' } as const;
      await pipeline.accept(
        paths.map((path, sequence) => operation(path, clock.now(), type, data, { ...prompt, sequence })),
      );
    };
    const paths = (kind: string, count: number): string[] =>
      Array.from({ length: count }, (_, index) => `things/${kind}${index}`);
    const left = (kind: string): number =>
      pipeline.documents.paths().filter((path) => path.startsWith(`things/${kind}`)).length;
    await apply('set', [...paths('early', 20), ...paths('old', 40), ...paths('kept', 10)]);
    await clock.advance(minuteMs);
    await apply('delete', paths('early', 20));
    await clock.advance(minuteMs);
    assert.deepEqual([left('early'), left('old')], [0, 40]);

    await apply('delete', paths('old', 40));
    await apply('update', paths('kept', 10));
    await clock.advance(minuteMs);
    const isUpdated = (path: string): boolean => pipeline.documents.fields(path)?.['update'] === true;
    assert.deepEqual(paths('kept', 10).filter(isUpdated), paths('kept', 10));
    assert.ok(left('old') > 0, 'not all may be deleted');

    // To make a document again takes its tombstone away, which is a delete too.
    await pipeline.accept([
      operation('things/early0', clock.now(), 'set', { again: true }, { visibility: 'prompt' }),
      operation('things/new', clock.now(), 'set', { first: true }, { visibility: 'prompt' }),
    ]);
    await clock.advance(minuteMs);
    assert.deepEqual([left('early'), left('new')], [0, 1]);
    const readsBefore = pipeline.documents.reads.length;
    await clock.advance(60 * minuteMs);
    const reads = pipeline.documents.reads.slice(readsBefore).flat();
    assert.ok(
      !reads.some((path) => path.startsWith('things/old')),
      'nothing is read for what may not be deleted',
    );

    await clock.advance(resetMs - clock.now() + 20 * minuteMs);
    assert.deepEqual([left('old'), left('early')], [0, 1]);
    assert.deepEqual(pipeline.objects.names(), [], 'no dead letter');
  });

  it('what needs no reading is written where only reads are spent, and the rest waits', async () => {
    const pipeline = startPipeline({ limits: { ...plenty, daily: { ...plenty.daily, reads: 1_000 } } });
    const { clock, documents, tasks } = pipeline;
    const prompt = { visibility: 'prompt' } as const;
    // Tasks and documents of which nobody knows whether they are there, more than may be read.
    for (let turn = 0; turn < 30; turn += 1) {
      const numbers = Array.from({ length: 30 }, (_, index) => `${turn}-${index}`);
      await pipeline.accept([
        ...numbers.map((number) => patched(`old${number}`, clock.now(), { priority: 1 }, prompt)),
        ...numbers
          .slice(0, 10)
          .map((number) => operation(`things/${number}`, clock.now(), 'set', { a: 1 }, prompt)),
      ]);
      await clock.advance(minuteMs);
    }
    const old = writtenTasks(pipeline);
    assert.ok(old > 300 && old < 900, `${old} written`);
    await pipeline.accept([
      created('new', clock.now(), { task_type: 'x' }, prompt),
      patched('old-late', clock.now(), { priority: 1 }, prompt),
      operation('things/late', clock.now(), 'set', { a: 1 }, prompt),
    ]);
    const before = tasks.put.length;
    await clock.advance(minuteMs);
    assert.ok(documents.fields('tasks/new') !== undefined);
    assert.deepEqual(
      [documents.fields('tasks/old-late'), documents.fields('things/late')],
      [undefined, undefined],
    );
    await clock.advance(60 * minuteMs);
    const hops = new Set(tasks.put.slice(before).map(({ dueMs }) => dueMs));
    assert.ok(hops.size <= 30, `${hops.size} times on the way in an hour`);
    await clock.advance(resetMs - clock.now() + 20 * minuteMs);
    assert.equal(writtenTasks(pipeline), 902);
    assert.deepEqual(pipeline.objects.names(), [], 'no dead letter');
  });

  it('a backlog that needs more reads than a day has gets on every day @slow', async () => {
    const pipeline = startPipeline({ limits: { ...plenty, daily: { ...plenty.daily, reads: 1_000 } } });
    const { clock, documents } = pipeline;
    const events = Array.from({ length: 1_500 }, (_, sequence) =>
      operation(`things/${sequence}`, clock.now(), 'set', { a: 1 }, { visibility: 'prompt', sequence }),
    );
    await pipeline.accept(events);
    const written = (): number => documents.paths().filter((path) => path.startsWith('things/')).length;
    let before = 0;
    for (let day = 1; day <= 3; day += 1) {
      await clock.advance(24 * 60 * minuteMs);
      // Each costs two reads; a tenth of the day's is the API's.
      assert.ok(written() - before >= 300 || written() === 1_500, `${written() - before} on day ${day}`);
      before = written();
    }
    await clock.advance(2 * 24 * 60 * minuteMs);
    assert.equal(written(), 1_500);
    assert.deepEqual(pipeline.objects.names(), [], 'no dead letter');
  }).timeout(60_000);

  it('where writes are slow, what cannot be written soon is not read', async () => {
    const pipeline = startPipeline({ limits: { ...plenty, rates: { ...plenty.rates, writes: 2 } } });
    await accept(pipeline, 600);
    await pipeline.clock.advance(10 * minuteMs);
    assert.equal(writtenTasks(pipeline), 600);
    const reads = pipeline.documents.reads.flat().filter((path) => path !== ledgerPath);
    assert.ok(reads.length <= 800, `${reads.length} reads for 600 tasks`);
  });

  it('where reads are slow, what needs two of them gets on', async () => {
    const pipeline = startPipeline({ limits: { ...plenty, rates: { ...plenty.rates, reads: 1 } } });
    const { clock, documents } = pipeline;
    const events = Array.from({ length: 100 }, (_, sequence) =>
      operation(`things/${sequence}`, clock.now(), 'set', { a: 1 }, { visibility: 'prompt', sequence }),
    );
    await pipeline.accept(events);
    await clock.advance(15 * minuteMs);
    assert.equal(documents.paths().filter((path) => path.startsWith('things/')).length, 100);
  });

  it('commits no faster than the rate, each at most a tenth of a second of it', async () => {
    const rates = { ...plenty.rates, writes: 50 };
    const pipeline = startPipeline({ limits: { ...plenty, rates } });
    await accept(pipeline, 400);
    await pipeline.clock.advance(4_000);
    assert.equal(writtenTasks(pipeline), 0, 'not before the tick');
    await pipeline.clock.advance(5_000);
    assert.ok(writtenTasks(pipeline) <= 50 * 5, `${writtenTasks(pipeline)} in 4 s`);
    assert.ok(pipeline.documents.commits.every((commit) => commit.length <= 5));
    await pipeline.clock.advance(10_000);
    assert.equal(writtenTasks(pipeline), 400);
  });

  it('without the ledger nothing is written and nothing is lost; it goes on by itself', async () => {
    const pipeline = startPipeline({ limits: plenty });
    let isDown = true;
    pipeline.decide = (operation) => (isDown && operation.startsWith('documents.') ? 'failed' : 'done');
    await accept(pipeline, 20);
    await pipeline.clock.advance(10 * minuteMs);
    assert.equal(writtenTasks(pipeline), 0);

    isDown = false;
    await pipeline.clock.advance(2 * minuteMs);
    assert.equal(writtenTasks(pipeline), 20);
    assert.deepEqual(pipeline.objects.names(), []);
  });
});
