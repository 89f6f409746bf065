import assert from 'node:assert/strict';
import { carrierOf, carrierToWire } from '../../../functions/src/events/carrier.ts';
import type { Event } from '../../../functions/src/events/event.ts';
import { maxUnreadMs } from '../../../functions/src/flush/limits.ts';
import { startMs } from '../../support/clock.ts';
import { packLines, response } from '../../support/events.ts';
import { operation } from '../../support/operations.ts';
import { keysIn, type Pipeline, startPipeline } from '../../support/pipeline.ts';

const minuteMs = 60_000;
const hourMs = 3_600_000;
const good = operation('things/good', startMs, 'set', { a: 1 });

/**
 * An event as a newer version writes it: with a field that this one does not know, and as nobody here would print it.
 */
function newer(event: Event, spaces = 1): string {
  return JSON.stringify({ ...event, later: [1] }, null, spaces).replaceAll('\n', '');
}

async function put({ tasks }: Pipeline, schema: number, ...lines: string[]): Promise<void> {
  const carrier = carrierOf({ schema, dueMs: startMs, count: lines.length, packed: await packLines(lines) });
  await tasks.connect('flush').put(carrierToWire(carrier), startMs);
}

function letters({ objects }: Pipeline): Record<string, unknown>[] {
  return objects.json('dead-letters/');
}

/** Seconds between the puts of what waits. */
function pauses({ tasks }: Pipeline): number[] {
  const dues = tasks.put.map(({ dueMs }) => dueMs);
  return dues.slice(1).map((dueMs, index) => (dueMs - (dues[index] ?? 0)) / 1000);
}

describe('an event that this version cannot read', () => {
  let pipeline: Pipeline;

  beforeEach(() => {
    pipeline = startPipeline();
  });

  it('waits, as it is written, in a carrier of its own, and the others are applied', async () => {
    const line = newer(operation('things/newer', startMs, 'set', { a: 1 }));
    await put(pipeline, 2, line, JSON.stringify(good), JSON.stringify({ ...good, kind: 'heard of one day' }));
    await pipeline.clock.advance(hourMs / 2);
    assert.deepEqual(pipeline.documents.paths(), ['things/good']);
    const [waiting, ...others] = pipeline.tasks.in('flush');
    assert.deepEqual(others, []);
    assert.equal((await keysIn(waiting?.data ?? {}, pipeline.objects))[0], line);
    assert.equal(waiting?.data['count'], 2);
    assert.deepEqual(letters(pipeline), []);
    assert.equal(waiting?.retryCount, 0);
  });

  it('waits in a carrier that no code opens which takes fields off', async () => {
    await put(pipeline, 1, newer(response('t', startMs, 1)));
    await pipeline.tick();
    assert.equal(pipeline.tasks.in('flush')[0]?.data['schema'], 3);
  });

  it('is looked at again and again, in pauses that grow to an hour', async () => {
    await put(pipeline, 3, newer(good));
    await pipeline.clock.advance(12 * hourMs);
    const between = pauses(pipeline);
    assert.ok((between[0] ?? 0) <= 70, String(between));
    assert.ok(between.length < 20, String(between));
    assert.ok(
      between.every((pause, index) => pause >= (between[index - 1] ?? 0)),
      String(between),
    );
    assert.ok(
      between.slice(-4).every((pause) => pause > 3_590 && pause < 3_620),
      String(between),
    );
  });

  it('is written once code is deployed that reads it', async () => {
    await put(pipeline, 3, newer(good));
    await pipeline.tick();
    const [waiting] = pipeline.tasks.in('flush');
    assert.ok(waiting);
    // As if the field were known: the same carrier, with a line that can be read.
    waiting.data['events'] = (await packLines([JSON.stringify(good)])).toString('base64');
    await pipeline.clock.advance(hourMs);
    assert.deepEqual(pipeline.documents.paths(), ['things/good']);
    assert.equal(pipeline.tasks.in('flush').length, 0);
  });

  it('becomes a dead letter after 30 days, with its body kept', async () => {
    const body = { object: 'bodies/responses/1', bytes: 5 };
    await pipeline.objects.connect().put(body.object, Buffer.from('"abc"'), { customTimeMs: startMs });
    const line = newer(response('t', startMs, 1, { body }), 0);
    await put(pipeline, 1, line);
    await pipeline.clock.advance(maxUnreadMs - hourMs);
    assert.deepEqual(letters(pipeline), []);
    await pipeline.clock.advance(2 * hourMs);
    assert.deepEqual(
      letters(pipeline).map(({ reason, raw }) => [reason, raw]),
      [['unknown_version', line]],
    );
    assert.equal(pipeline.tasks.in('flush').length, 0);
    assert.equal(new Date(pipeline.objects.customTimeMs(body.object) ?? 0).getUTCFullYear(), 2200);
  });

  it('waits also where its carrier is handled alone, and where neither Cloud Tasks nor the bucket answers', async () => {
    let isDown = true;
    pipeline.decide = (call) => (isDown && /^(tasks|objects)\./.test(call) ? 'failed' : 'done');
    pipeline.start();
    const line = newer(operation('things/newer', startMs, 'set', { a: 1 }));
    await put(pipeline, 3, line, JSON.stringify(good));
    await pipeline.clock.advance(hourMs);
    isDown = false;
    await pipeline.clock.advance(10 * minuteMs);
    assert.deepEqual(pipeline.documents.paths(), ['things/good']);
    assert.deepEqual(letters(pipeline), []);
    const kept = await Promise.all(
      pipeline.tasks.in('flush').map(({ data }) => keysIn(data, pipeline.objects)),
    );
    assert.deepEqual(kept, [[line]]);
  });
});

describe('a carrier that this version does not know', () => {
  const stranger = { schema: 99, count: 7, events: 'sealed', anything: { of: ['its', 'own'] } };

  it('waits unopened with all that it says, in pauses that grow', async () => {
    const pipeline = startPipeline();
    await pipeline.tasks.connect('flush').put({ ...stranger, due_ms: startMs }, startMs);
    await pipeline.clock.advance(24 * hourMs);
    const [task, ...others] = pipeline.tasks.in('flush');
    assert.deepEqual(others, []);
    const { due_ms, unread_since_ms, ...rest } = task?.data ?? {};
    assert.deepEqual(rest, stranger);
    assert.deepEqual([due_ms, unread_since_ms], [task?.dueMs, startMs]);
    assert.equal(task?.retryCount, 0);
    assert.ok(pauses(pipeline).length < 40, String(pauses(pipeline)));
    assert.deepEqual(pipeline.objects.names(), []);
  });

  it('of a known schema but with more to say waits as well', async () => {
    const pipeline = startPipeline();
    const carrier = { schema: 2, due_ms: startMs, count: 0, sealed_with: 'a key' };
    await pipeline.tasks.connect('flush').put(carrier, startMs);
    await pipeline.clock.advance(hourMs);
    assert.equal(pipeline.tasks.in('flush')[0]?.data['sealed_with'], 'a key');
  });

  it('becomes a dead letter after 30 days', async () => {
    const pipeline = startPipeline();
    await pipeline.tasks.connect('flush').put(stranger, startMs);
    await pipeline.clock.advance(maxUnreadMs + 2 * hourMs);
    assert.equal(pipeline.tasks.in('flush').length, 0);
    const [letter] = letters(pipeline);
    assert.equal(letter?.['reason'], 'unknown_version');
    assert.match(JSON.stringify(letter?.['carrier']), /"sealed","anything":/);
  });
});

it('what is invalid in every version does not wait', async () => {
  const pipeline = startPipeline();
  const wrong = {
    ...response('t', startMs, 1),
    response: { ...response('t', startMs, 1).response, miner_uid: 'x' },
  };
  await put(pipeline, 3, JSON.stringify(wrong), '{"kind":', JSON.stringify(good));
  await pipeline.tick();
  assert.deepEqual(
    letters(pipeline).map(({ reason }) => reason),
    ['unreadable', 'unreadable'],
  );
});
