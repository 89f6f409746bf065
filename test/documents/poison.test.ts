import assert from 'node:assert/strict';
import { tombstone, tombstonePath } from '../../functions/src/documents/document.ts';
import { deletedAt } from '../../functions/src/documents/state.ts';
import type { OperationAccepted } from '../../functions/src/events/event.ts';
import { startMs } from '../support/clock.ts';
import { operation } from '../support/operations.ts';
import { type Pipeline, startPipeline } from '../support/pipeline.ts';

const prompt = { visibility: 'prompt' } as const;

async function flush(pipeline: Pipeline, operations: readonly OperationAccepted[]): Promise<void> {
  await pipeline.accept(operations.map((each) => ({ ...each, ...prompt })));
  await pipeline.tick();
}

const letters = ({ objects }: Pipeline) => objects.json('dead-letters/');

describe('flush: one operation among many', () => {
  it('that is refused costs the others on its document few writes, not one each', async () => {
    const pipeline = startPipeline();
    pipeline.documents.refuse = (_, fields) => ('bad' in fields ? 'a bad value' : undefined);
    const all = Array.from({ length: 256 }, (_, index) =>
      operation('things/1', startMs + index, 'update', { [index === 100 ? 'bad' : `f${index}`]: index }),
    );
    await flush(pipeline, all);
    assert.deepEqual(
      letters(pipeline).map(({ event }) => (event as unknown as OperationAccepted).stamp),
      [all[100]?.stamp],
    );
    assert.equal(Object.keys(pipeline.documents.fields('things/1') ?? {}).length, 256, 'and _sluice');
    assert.ok(pipeline.documents.writes <= 8, `${pipeline.documents.writes} writes`);
  });

  for (const [name, isNew] of [
    ['that nobody read before', undefined],
    ['that was made for it', true],
  ] as const) {
    it(`whose name the database refuses, ${name}, holds nothing back`, async () => {
      const pipeline = startPipeline();
      pipeline.documents.unreadable = (path) => path === 'things/bad';
      const bad = [1, 2].map((ms) => ({ ...operation('things/bad', startMs + ms, 'set', {}), isNew }));
      await flush(pipeline, [operation('things/good', startMs, 'set', {}), ...(bad as OperationAccepted[])]);
      assert.deepEqual(pipeline.documents.paths(), ['things/good']);
      assert.deepEqual(
        letters(pipeline).map(({ reason, detail }) => [reason, detail]),
        Array(2).fill(['refused_by_firestore', 'things/bad is too long.']),
      );
      assert.equal(pipeline.tasks.queued.size, 0);
    });
  }

  it('that meets a tombstone does not make the others single commits', async () => {
    const pipeline = startPipeline();
    const paths = Array.from({ length: 50 }, (_, index) => `things/${index}`);
    for (const path of ['things/7', 'things/33']) {
      const deletion = operation(path, startMs - 5, 'delete');
      pipeline.documents.set(tombstonePath(path), tombstone(deletedAt(path, deletion.stamp)));
    }
    await flush(
      pipeline,
      paths.map((path) => operation(path, startMs, 'set', {})),
    );
    assert.deepEqual(pipeline.documents.paths(), paths.toSorted());
    assert.deepEqual(
      pipeline.documents.commits.map((commit) => commit.length).sort((a, b) => b - a),
      [48, 2, 2],
    );
  });
});

describe('flush: many large documents', () => {
  it('are read and written in rounds, so that memory holds them', async () => {
    const pipeline = startPipeline({ maxReadBytes: 50_000 });
    const paths = Array.from({ length: 1_500 }, (_, index) => `things/${String(index).padStart(4, '0')}`);
    for (const path of paths) pipeline.documents.set(path, { text: 'x'.repeat(500) });
    let readBefore = 0;
    pipeline.documents.beforeCommit = () => {
      readBefore = pipeline.documents.reads.flat().length;
    };
    await flush(
      pipeline,
      paths.map((path) => operation(path, startMs, 'update', { mine: 1 })),
    );
    assert.ok(readBefore < 1_000, `${readBefore} documents were read before the first was written`);
    assert.equal(pipeline.documents.writes, 1_500);
    assert.ok(paths.every((path) => pipeline.documents.fields(path)?.['mine'] === 1));
    assert.equal(pipeline.documents.reads.flat().length, 1_500, 'each once');
  });
});
