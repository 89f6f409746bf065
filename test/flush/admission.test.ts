import assert from 'node:assert/strict';
import { carrierOf, carrierToWire } from '../../functions/src/events/carrier.ts';
import { maxGatheredBytes, maxRoundDocuments } from '../../functions/src/flush/limits.ts';
import { packEvents } from '../../functions/src/staging/outbox.ts';
import { startMs } from '../support/clock.ts';
import { created, patched } from '../support/events.ts';
import { type Pipeline, startPipeline } from '../support/pipeline.ts';

/** Carriers due together, whose contents are in objects and say, or do not say, that they unfold to so much. */
async function putLarge(pipeline: Pipeline, count: number, unfoldedBytes: number | undefined): Promise<void> {
  const objects = pipeline.objects.connect();
  const queue = pipeline.tasks.connect('flush');
  for (let index = 0; index < count; index += 1) {
    const object = `bodies/carriers/${index}`;
    const events = [created(`t${index}`, startMs, {}, { visibility: 'prompt' })];
    const { packed, ...header } = await packEvents(events, events[0]?.stamp);
    await objects.put(object, packed);
    const dueMs = startMs + 5_000;
    await queue.put(carrierToWire(carrierOf({ ...header, unfoldedBytes, object, dueMs })), dueMs);
  }
}

/** The most contents that were in memory at once: fetched, and not committed yet. */
function watchOpened(pipeline: Pipeline): () => number {
  let opened = 0;
  let most = 0;
  pipeline.decide = (operation) => {
    if (operation === 'documents.commit') opened = 0;
    if (operation.startsWith('objects.get bodies/carriers/')) opened += 1;
    most = Math.max(most, opened);
    return 'done';
  };
  return () => most;
}

describe('many large carriers that are due together', () => {
  it('are opened as far as memory has room; the others go back unfetched, and all are written @slow', async () => {
    const pipeline = startPipeline();
    const bytes = 19 * 1024 * 1024;
    await putLarge(pipeline, 400, bytes);
    const mostOpened = watchOpened(pipeline);
    await pipeline.clock.advance(3_000_000);
    assert.equal(pipeline.documents.paths().length, 400);
    assert.ok(mostOpened() * bytes <= Math.max(bytes, maxGatheredBytes), `${mostOpened()} at once`);
    assert.ok(pipeline.tasks.put.filter(({ queue }) => queue === 'flush').length <= 3 * 400);
    assert.equal(pipeline.tasks.in('flush').length, 0);
  });

  it('that do not say how large they are, are opened one by one', async () => {
    const pipeline = startPipeline();
    await putLarge(pipeline, 60, undefined);
    const mostOpened = watchOpened(pipeline);
    await pipeline.clock.advance(3_000_000);
    assert.equal(pipeline.documents.paths().length, 60);
    assert.equal(mostOpened(), 1);
  });

  it('that hold little are flushed together', async () => {
    const pipeline = startPipeline();
    await putLarge(pipeline, 100, 500);
    await pipeline.tick();
    assert.equal(pipeline.documents.commits.length, 1);
  });
});

describe('one large carrier', () => {
  it('of more than is handled together goes on as two, unread, and all is written @slow', async () => {
    const pipeline = startPipeline();
    const text = 'x'.repeat(900_000);
    const ids = Array.from({ length: 30 }, (_, index) => `t${index}`);
    await pipeline.accept(
      ids.map((id) => patched(id, startMs, { input_text: text }, { visibility: 'prompt' })),
    );
    await pipeline.tick();
    assert.deepEqual(pipeline.documents.paths(), []);
    assert.deepEqual(
      pipeline.tasks.in('flush').map(({ data }) => data['count']),
      [16, 14],
    );
    await pipeline.clock.advance(60_000);
    assert.equal(pipeline.documents.paths().length, 30);
    assert.ok(ids.every((id) => pipeline.task(id)?.['input_text'] === text));
    assert.equal(pipeline.tasks.in('flush').length, 0);
  });

  it('goes on as two also where it is worked on alone @slow', async () => {
    const pipeline = startPipeline();
    const text = 'x'.repeat(900_000);
    const events = Array.from({ length: 30 }, (_, index) =>
      patched(`t${index}`, startMs, { input_text: text }, { visibility: 'prompt' }),
    );
    const { packed, ...header } = await packEvents(events, events[0]?.stamp);
    const object = 'bodies/carriers/suspect';
    await pipeline.objects.connect().put(object, packed);
    const dueMs = startMs + 5_000;
    const carrier = carrierOf({ ...header, tries: 1, object, dueMs });
    await pipeline.tasks.connect('flush').put(carrierToWire(carrier), dueMs);
    await pipeline.clock.advance(120_000);
    assert.equal(pipeline.documents.paths().length, 30);
    assert.equal(pipeline.tasks.in('flush').length, 0);
  });

  it('is planned and written in rounds, so that memory holds the documents', async () => {
    const pipeline = startPipeline();
    let planned = 0;
    pipeline.breaksOn = () => {
      planned += 1;
      return false;
    };
    let plannedBefore = 0;
    pipeline.documents.beforeCommit = () => {
      plannedBefore = planned;
    };
    const count = 3 * maxRoundDocuments;
    await pipeline.accept(
      Array.from({ length: count }, (_, index) =>
        created(`t${index}`, startMs, {}, { visibility: 'prompt' }),
      ),
    );
    await pipeline.tick();
    assert.equal(plannedBefore, maxRoundDocuments);
    assert.equal(pipeline.documents.writes, count, 'one write each');
    assert.equal(pipeline.tasks.in('expire').length, 1);
  });
});
