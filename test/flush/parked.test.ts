import assert from 'node:assert/strict';
import { carrierOf, carrierToWire } from '../../functions/src/events/carrier.ts';
import { stampCeiling } from '../../functions/src/events/stamp.ts';
import { packEvents } from '../../functions/src/staging/outbox.ts';
import { startMs } from '../support/clock.ts';
import { patched } from '../support/events.ts';
import { flushRequest, type Pipeline, startPipeline, tickMs } from '../support/pipeline.ts';

const prompt = { visibility: 'prompt' } as const;

describe('while Firestore is left alone after it failed', () => {
  let pipeline: Pipeline;
  let isDown: boolean;
  let gets: string[];

  beforeEach(async () => {
    pipeline = startPipeline();
    isDown = true;
    gets = [];
    pipeline.decide = (call) => {
      if (call.startsWith('objects.get ')) gets.push(call.slice('objects.get '.length));
      return isDown && call.startsWith('documents') ? 'failed' : 'done';
    };
    pipeline.start();
    await pipeline.accept([patched('first', startMs, { priority: 'low' }, prompt)]);
    // Long enough for the pauses to be much longer than a tick.
    await pipeline.clock.advance(120_000);
  });

  it('a carrier goes back as it came, unopened and unfetched, due when the pause ends', async () => {
    const nowMs = pipeline.clock.now();
    const event = patched('later', nowMs, { priority: 'high' }, prompt);
    const { packed, ...header } = await packEvents([event], event.stamp);
    const object = 'bodies/carriers/one';
    await pipeline.objects.connect().put(object, packed);
    const carrier = carrierToWire(carrierOf({ ...header, dueMs: nowMs, object }));
    const putBefore = pipeline.tasks.put.length;
    await pipeline.tasks.connect('flush').put(carrier, nowMs);
    await pipeline.clock.advance(1_000);
    const [, back, ...more] = pipeline.tasks.put.slice(putBefore);
    assert.deepEqual(more, []);
    assert.deepEqual(gets, []);
    assert.ok((back?.dueMs ?? 0) > nowMs + tickMs, 'not from tick to tick');
    const { due_ms: _, ...asItCame } = JSON.parse(JSON.stringify(carrier)) as Record<string, unknown>;
    const { due_ms: dueMs, ...asItWent } = back?.data ?? {};
    assert.deepEqual(asItWent, asItCame);
    assert.equal(dueMs, back?.dueMs);
    isDown = false;
    await pipeline.clock.advance(120_000);
    assert.equal(pipeline.task('later')?.['priority'], 'high');
  });

  it('a flush that is asked for is tried at once all the same, with what comes beside it', async () => {
    isDown = false;
    const nowMs = pipeline.clock.now();
    const reads = pipeline.documents.reads.length;
    const { data } = pipeline.tasks.in('flush')[0] ?? assert.fail('nothing waits');
    // What waited comes together with the request, long before it is due.
    await pipeline.tasks
      .connect('flush')
      .put({ ...data, due_ms: nowMs, flush_before: stampCeiling(nowMs) }, nowMs);
    await pipeline.clock.advance(1_000);
    assert.ok(pipeline.documents.reads.length > reads);
    assert.equal(pipeline.task('first')?.['priority'], 'low');
    // Firestore answered, so nothing is left alone any more.
    await pipeline.accept([patched('next', pipeline.clock.now(), { priority: 'low' }, prompt)]);
    await pipeline.tick();
    assert.equal(pipeline.task('next')?.['priority'], 'low');
  });

  it('a request without events of its own is remembered', async () => {
    isDown = false;
    const nowMs = pipeline.clock.now();
    await pipeline.tasks.connect('flush').put(flushRequest(stampCeiling(nowMs), nowMs), nowMs);
    await pipeline.clock.advance(1_000);
    assert.equal(
      pipeline.tasks.in('flush').filter(({ data }) => data['flush_before'] !== undefined).length,
      0,
    );
  });
});
