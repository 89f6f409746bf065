import assert from 'node:assert/strict';
import type { TaskEvent } from '../../functions/src/events/event.ts';
import type { Fields } from '../../functions/src/platform/documents.ts';
import { startMs } from '../support/clock.ts';
import { created, response } from '../support/events.ts';
import { operation } from '../support/operations.ts';
import { type Pipeline, startPipeline } from '../support/pipeline.ts';

const dayMs = 86_400_000;
const creation = created('t', startMs, { task_type: 'tts', required_miner_count: 3 });
const [first, second, third] = [1, 2, 3].map((uid) => response('t', startMs + uid, uid)) as [
  TaskEvent,
  TaskEvent,
  TaskEvent,
];
const set = operation('things/1', startMs, 'set', { a: 1, b: 1 });
const update = operation('things/1', startMs + 5, 'update', { a: 2 });

async function flush(pipeline: Pipeline, ...events: Parameters<Pipeline['accept']>[0]): Promise<void> {
  await pipeline.accept(events);
  await pipeline.clock.advance(70_000);
}

/** Documents as they were at some moment. */
function copied({ documents }: Pipeline): Map<string, Fields> {
  return new Map(documents.paths().map((path) => [path, structuredClone(documents.fields(path) ?? {})]));
}

function thing({ documents }: Pipeline): unknown {
  const { _sluice, ...fields } = documents.fields('things/1') ?? {};
  return fields;
}

describe('a database that was put back to an earlier time', () => {
  it('takes again what comes again, for as long as events may be old, by an instance that began since', async () => {
    const pipeline = startPipeline();
    await flush(pipeline, creation, first, set);
    const earlier = copied(pipeline);
    await flush(pipeline, second, third, update);
    const [task, document] = [pipeline.task('t'), thing(pipeline)];
    await pipeline.clock.advance(44 * dayMs);
    for (const [path, fields] of earlier) pipeline.documents.set(path, fields);
    assert.notDeepEqual(pipeline.task('t'), task);
    // What an instance wrote itself it takes for written.
    pipeline.start();
    await flush(pipeline, update, third, first, second, set);
    assert.deepEqual([pipeline.task('t'), thing(pipeline)], [task, document]);
  });

  it('goes on from there where nothing comes again, whatever a running flush remembers', async () => {
    const pipeline = startPipeline();
    await flush(pipeline, creation, first);
    const earlier = copied(pipeline);
    await flush(pipeline, second);
    for (const [path, fields] of earlier) pipeline.documents.set(path, fields);
    await flush(pipeline, third);
    const shown = pipeline.task('t') ?? {};
    assert.deepEqual(Object.keys(Object(shown['miner_responses'])), ['1', '3']);
    assert.equal(shown['response_count'], 2);
  });
});
