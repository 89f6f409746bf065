import assert from 'node:assert/strict';
import type { Event } from '../../functions/src/events/event.ts';
import { stampCeiling } from '../../functions/src/events/stamp.ts';
import { sweepSpool } from '../../functions/src/staging/spool.ts';
import { startMs } from '../support/clock.ts';
import { cutOffAt, killOn } from '../support/crash.ts';
import { created, patched, response } from '../support/events.ts';
import type { Fate } from '../support/fate.ts';
import { memoryLogger } from '../support/logger.ts';
import { operation } from '../support/operations.ts';
import { flushRequest, type Instance, type Pipeline, startPipeline } from '../support/pipeline.ts';

const hourMs = 3_600_000;
const deferred = { visibility: 'deferred' } as const;
const bodies = [1, 2].map((uid) => `bodies/responses/${uid}`);

/**
 * Events by the tick at which they come: most wait, and are written with others that complete their document, or with
 * a flush that is asked for, before their own carrier comes.
 */
const ticks: ((nowMs: number) => Event[])[] = [
  (nowMs) => [
    created('t', nowMs, { task_type: 'test' }, deferred),
    operation('x/gone', nowMs, 'set', { a: 1 }),
    patched('bad', nowMs, { priority: 13 }, deferred),
    created('open', nowMs, { task_type: 'test' }, deferred),
  ],
  (nowMs) => [
    response('t', nowMs, 1, { body: { object: 'bodies/responses/1', bytes: 6 } }),
    operation('x/stays', nowMs, 'set', { a: 1, b: 1 }),
    response('late', nowMs, 1),
  ],
  (nowMs) => [response('t', nowMs, 2, { body: { object: 'bodies/responses/2', bytes: 6 } })],
  (nowMs) => [
    response('t', nowMs, 3),
    response('t', nowMs + 1, 1),
    operation('x/gone', nowMs, 'delete', undefined, { visibility: 'prompt' }),
    ...[1, 2, 3].map((uid) => response('bad', nowMs, uid)),
  ],
  (nowMs) => [operation('x/stays', nowMs, 'update', { b: 2 }), patched('late', nowMs, { priority: 2 })],
];

async function play(pipeline: Pipeline, beforeTick: (index: number) => void = () => undefined) {
  const { clock, tasks, objects, documents } = pipeline;
  documents.refuse = (path, fields) =>
    path === 'tasks/bad' && fields?.['priority'] === 13 ? 'a bad value' : undefined;
  for (const object of bodies) {
    await objects.connect().put(object, Buffer.from('"body"'), { customTimeMs: startMs });
  }
  for (const [index, eventsAt] of ticks.entries()) {
    beforeTick(index);
    await pipeline.accept(eventsAt(startMs + index * 6_000));
    await pipeline.tick();
  }
  await tasks.connect('flush').put(flushRequest(stampCeiling(clock.now()), clock.now()), clock.now());
  const queues = { flush: tasks.connect('flush'), expire: tasks.connect('expire') };
  for (const waitMs of [60_000, 60_000, 60_000, 2 * hourMs, 60_000]) {
    await clock.advance(waitMs);
    await sweepSpool({ objects: objects.connect(), queues, clock, logger: memoryLogger() });
  }
  await clock.advance(60_000);
}

function outcome({ objects, tasks, documents, ...pipeline }: Pipeline) {
  return {
    tasks: ['t', 'bad', 'late', 'open'].map((id) => pipeline.task(id)),
    documents: ['x/gone', 'x/stays'].map((path) => {
      const { _sluice, ...fields } = documents.fields(path) ?? {};
      return fields;
    }),
    letters: objects.json('dead-letters/').map(({ reason, event }) => ({ reason, event })),
    areKept: bodies.map((object) => (objects.customTimeMs(object) ?? 0) > startMs),
    spool: objects.names('spool/'),
    queued: tasks.queued.size,
  };
}

describe('a history of events that are remembered', () => {
  const calls: string[] = [];
  let clean: ReturnType<typeof outcome>;

  before(async () => {
    const pipeline = startPipeline();
    pipeline.start((call) => {
      calls.push(call);
      return 'done';
    });
    await play(pipeline);
    clean = outcome(pipeline);
  });

  it('ends as it should: each event written, one dead letter, bodies kept, nothing queued', () => {
    assert.deepEqual(
      clean.tasks.map((task) => task?.['response_count']),
      [3, 3, 1, 0],
    );
    assert.deepEqual(clean.documents, [{}, { a: 1, b: 2 }]);
    assert.deepEqual(
      clean.letters.map(({ reason }) => reason),
      ['refused_by_firestore'],
    );
    assert.deepEqual([clean.areKept, clean.spool, clean.queued], [[true, true], [], 0]);
    assert.ok(calls.length > 20, `${calls.length} calls to cut off at`);
  });

  for (const fate of ['died before', 'died after', 'failed', 'lost'] satisfies Fate[]) {
    it(`ends the same, cut off at any of its calls: ${fate} @slow`, async function () {
      this.timeout(60_000);
      for (const at of calls.keys()) {
        const pipeline = startPipeline();
        cutOffAt(pipeline, at, fate);
        await play(pipeline);
        assert.deepEqual(outcome(pipeline), clean, `${fate} at call ${at}, ${calls[at]}`);
      }
    });
  }

  it('ends the same in two instances between which carriers alternate, however they begin', async () => {
    for (let seed = 0; seed < 16; seed += 1) {
      const pipeline = startPipeline();
      const instances: Instance[] = [pipeline.start(), pipeline.start()];
      let turn = seed;
      pipeline.tasks.deliver = async ({ queue }, dispatch) => {
        turn = (turn * 5 + 3) % 16;
        await instances[turn % 3 === 0 ? 0 : 1]?.[queue](dispatch);
      };
      await play(pipeline);
      assert.deepEqual(outcome(pipeline), clean, `seed ${seed}`);
    }
  });

  it('ends the same where the memory is lost before any of its ticks', async () => {
    for (const lost of ticks.keys()) {
      const pipeline = startPipeline();
      await play(pipeline, (index) => {
        if (index === lost) pipeline.start();
      });
      assert.deepEqual(outcome(pipeline), clean, `lost before tick ${lost}`);
    }
  });

  it('ends the same where carriers come two and three times, late', async () => {
    for (const copies of [2, 3]) {
      const pipeline = startPipeline();
      pipeline.tasks.copies = () => copies;
      pipeline.tasks.delayMs = () => copies * 700;
      await play(pipeline);
      assert.deepEqual(outcome(pipeline), clean);
    }
  });

  it('books the deadline of each task once', async () => {
    const pipeline = startPipeline();
    await play(pipeline);
    const booked = pipeline.tasks.put.filter(({ queue }) => queue === 'expire');
    assert.ok(booked.length > 0);
    assert.equal(booked.length, new Set(booked.map(({ data }) => JSON.stringify(data))).size);
  });
});

describe('an event that is remembered and kills the process that writes it', () => {
  it('is given up by itself; all that comes meanwhile is written', async () => {
    const pipeline = startPipeline();
    const { clock, tasks } = pipeline;
    const seen = killOn(pipeline, (what) => what === 'tasks/killer');
    await pipeline.accept([
      patched('killer', startMs, { priority: 1 }, deferred),
      response('beside', startMs, 1),
    ]);
    await pipeline.tick();
    const ids = Array.from({ length: 60 }, (_, index) => `t${index}`);
    for (const id of ids) {
      await pipeline.accept([created(id, clock.now(), {}, deferred), response(id, clock.now(), 1)]);
      await pipeline.tick();
    }
    await clock.advance(2 * hourMs);
    for (const id of [...ids, 'beside']) assert.equal(pipeline.task(id)?.['response_count'], 1, id);
    const letters = pipeline.objects.json('dead-letters/');
    assert.deepEqual(
      letters.map(({ reason, event }) => [reason, Object(event).taskId]),
      [['fails_repeatedly', 'killer']],
    );
    assert.equal(tasks.queued.size, 0);
    assert.ok(seen.deaths <= 20, `${seen.deaths} deaths`);
  });
});

describe('what is remembered, while reads are spent for the day', () => {
  it('waits with its carrier, and does not ask for them at every tick', async () => {
    const rates = { writes: 800, reads: 8_000, deletes: 400 };
    const perMinute = { writes: 50_000, reads: 500_000, deletes: 25_000 };
    const pipeline = startPipeline({
      limits: { rates, perMinute, daily: { writes: 0, reads: 100, deletes: 0 } },
    });
    const { clock, documents } = pipeline;
    const many = Array.from({ length: 120 }, (_, uid) => response(`t${uid}`, startMs, uid));
    await pipeline.accept(many);
    await clock.advance(120_000);
    const before = documents.reads.length;
    for (let tick = 0; tick < 20; tick += 1) {
      await pipeline.accept([created(`new${tick}`, clock.now(), {}, { visibility: 'prompt' })]);
      await pipeline.tick();
    }
    const asked = documents.reads.length - before;
    assert.ok(asked <= 4, `${asked} calls, the ledger's included, in 20 ticks`);
    await clock.advance(60 * hourMs);
    assert.ok(many.every(({ taskId }) => pipeline.task(taskId)?.['response_count'] === 1));
    assert.equal(pipeline.tasks.queued.size, 0);
  });
});
