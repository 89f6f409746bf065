import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Event } from '../../functions/src/events/event.ts';
import { stampCeiling } from '../../functions/src/events/stamp.ts';
import { maxRememberedBytes } from '../../functions/src/flush/limits.ts';
import { Remembered } from '../../functions/src/flush/remembered.ts';
import { statusReader } from '../../functions/src/operator/status.ts';
import { smallest } from '../../functions/src/platform/arrays.ts';
import { OperationMeter } from '../../functions/src/quota/meter.ts';
import { taskEvents } from '../support/arbitraries.ts';
import { startMs } from '../support/clock.ts';
import { created, patched, response } from '../support/events.ts';
import { memoryLogger } from '../support/logger.ts';
import { operation } from '../support/operations.ts';
import { flushRequest, type Pipeline, startPipeline } from '../support/pipeline.ts';
import { unreadableQuota } from '../support/quota.ts';

const deferred = { visibility: 'deferred' } as const;
const hourMs = 3_600_000;

/** One event a tick, each in a carrier of its own, as a quiet subnet sends them. */
async function oneByOne(pipeline: Pipeline, events: readonly ((nowMs: number) => Event)[]): Promise<void> {
  for (const event of events) {
    await pipeline.accept([event(pipeline.clock.now())]);
    await pipeline.tick();
  }
}

const answer = (uid: number) => (nowMs: number) => response('t', nowMs, uid);
const threeAnswers = [1, 2, 3].map(answer);
const story = [(nowMs: number) => created('t', nowMs, { task_type: 'test' }, deferred), ...threeAnswers];

async function ask(pipeline: Pipeline): Promise<void> {
  const nowMs = pipeline.clock.now();
  await pipeline.tasks.connect('flush').put(flushRequest(stampCeiling(nowMs), nowMs), nowMs);
}

describe('what waits, waits once', () => {
  it('and is written, without a read, with what completes it; its carriers cost nothing more', async () => {
    const pipeline = startPipeline();
    await oneByOne(pipeline, story);
    assert.equal(pipeline.task('t')?.['status'], 'completed');
    assert.equal(pipeline.tasks.put.length, 4 + 3, 'the last one never waited');
    await pipeline.clock.advance(100_000);
    assert.equal(pipeline.tasks.queued.size, 0);
    assert.deepEqual(pipeline.documents.commits, [['tasks/t']]);
    assert.deepEqual(pipeline.documents.reads, []);
  });

  it('in carriers that are due together, when the first of them has waited as long as it may', async () => {
    const pipeline = startPipeline();
    await oneByOne(pipeline, [answer(1), answer(2)]);
    assert.deepEqual(
      pipeline.tasks.in('flush').map(({ dueMs }) => dueMs),
      [startMs + 60_000, startMs + 60_000],
    );
  });

  it('also where it waits with others whose wait is shorter or longer', async () => {
    const pipeline = startPipeline();
    await pipeline.accept([
      response('t', startMs, 1),
      created('u', startMs),
      operation('x/y', startMs, 'set', {}),
    ]);
    await pipeline.tick();
    assert.deepEqual(
      pipeline.tasks
        .in('flush')
        .map(({ dueMs }) => dueMs - startMs)
        .sort(),
      [30_000, 60_000],
    );
    await pipeline.clock.advance(56_000);
    assert.deepEqual(pipeline.documents.commits.flat().sort(), ['tasks/t', 'tasks/u', 'x/y']);
  });

  it('until a flush is asked for: that writes it at its next dispatch', async () => {
    const pipeline = startPipeline();
    await oneByOne(pipeline, [answer(1), (nowMs) => operation('x/y', nowMs, 'set', {})]);
    assert.equal(pipeline.documents.writes, 0);
    await ask(pipeline);
    await pipeline.tick();
    assert.deepEqual(pipeline.documents.paths(), ['tasks/t', 'x/y']);
    const { reads } = pipeline.documents;
    const before = reads.length;
    await pipeline.clock.advance(100_000);
    assert.equal(pipeline.tasks.queued.size, 0);
    assert.equal(pipeline.documents.writes, 2);
    assert.equal(reads.length, before);
  });

  it('and is left alone while Firestore is, however many others come', async () => {
    const pipeline = startPipeline();
    await oneByOne(pipeline, [answer(1)]);
    let calls = 0;
    pipeline.decide = (operation) => {
      if (!operation.startsWith('documents.')) return 'done';
      calls += 1;
      return 'failed';
    };
    await pipeline.accept([2, 3].map((uid) => response('t', pipeline.clock.now(), uid)));
    await pipeline.tick();
    const tried = calls;
    for (let each = 0; each < 4; each += 1) {
      await pipeline.tasks
        .connect('flush')
        .put(flushRequest(stampCeiling(startMs - 1), 0), pipeline.clock.now());
      await pipeline.clock.advance(500);
    }
    assert.equal(calls, tried);
    pipeline.decide = () => 'done';
    await pipeline.clock.advance(120_000);
    assert.equal(pipeline.task('t')?.['response_count'], 3);
    assert.equal(pipeline.documents.writes, 1);
    assert.equal(pipeline.tasks.queued.size, 0);
  });
});

describe('the status of a queue in which carriers wait whose events are written', () => {
  it('shows no event older than it may wait, and nothing held back', async () => {
    const pipeline = startPipeline();
    const { clock, tasks } = pipeline;
    const readStatus = statusReader({
      files: { read: () => Promise.reject(new Error('not asked for here')) },
      objects: pipeline.objects.connect(),
      clock,
      logger: memoryLogger(),
      meter: new OperationMeter(),
      quota: unreadableQuota,
      config: {
        bufferTimeoutMs: 60_000,
        minResponsesToFlush: 3,
        operationsBufferSize: 100,
        operationsFlushMs: 30_000,
      },
      queueControl: {
        pause: () => Promise.reject(new Error('not asked for here')),
        resume: () => Promise.reject(new Error('not asked for here')),
        stats: async () => ({
          isPaused: false,
          tasks: tasks.in('flush').length,
          nextDueMs: smallest(tasks.in('flush').map(({ dueMs }) => dueMs)),
        }),
        run: () => Promise.reject(new Error('not asked for here')),
        list: async () => ({
          tasks: tasks.in('flush').map(({ id, data }) => ({ name: String(id), data })),
          isWhole: true,
        }),
      },
    });
    let most = 0;
    for (let tick = 0; tick < 40; tick += 1) {
      for (const uid of tick % 2 === 0 ? [1] : [2, 3]) {
        const id = Math.floor(tick / 2);
        await pipeline.accept([response(`t${id}`, clock.now(), uid), response(`u${tick}`, clock.now(), uid)]);
      }
      await pipeline.tick();
      const { backlog } = await readStatus(true);
      assert.equal(backlog.queued_carriers, tasks.in('flush').length);
      assert.ok(Date.parse(String(backlog.next_dispatch_at)) >= clock.now(), 'nothing is late');
      assert.equal(backlog.parked_reason, null);
      most = Math.max(most, backlog.oldest_event_age_seconds ?? 0);
    }
    assert.ok(most > 50 && most <= 60 + 5, `${most} s`);
    assert.equal(pipeline.task('t0')?.['response_count'], 3);
  });
});

describe('a memory that is lost', () => {
  it('costs delay alone: everything is written when its carriers are due', async () => {
    const pipeline = startPipeline();
    for (const event of [answer(1), answer(2), story[0]]) {
      assert.ok(event !== undefined);
      await oneByOne(pipeline, [event]);
      pipeline.start();
    }
    assert.equal(pipeline.documents.writes, 0);
    await pipeline.clock.advance(60_000);
    assert.equal(pipeline.task('t')?.['response_count'], 2);
    assert.equal(pipeline.task('t')?.['task_type'], 'test');
    assert.equal(pipeline.tasks.in('flush').length, 0);
  });

  it('loses nothing at any moment, nor does a carrier that comes twice or late', async () => {
    const clean = async (events: readonly Event[]) => {
      const pipeline = startPipeline();
      await pipeline.accept(events);
      await pipeline.clock.advance(3 * hourMs);
      return pipeline.task('t');
    };
    const property = fc.asyncProperty(
      taskEvents('t'),
      fc.array(fc.record({ take: fc.nat(4), forget: fc.boolean(), copies: fc.integer({ min: 1, max: 3 }) })),
      async (events, steps) => {
        const pipeline = startPipeline();
        const rest = [...events];
        for (const { take, forget, copies } of [...steps, { take: rest.length, forget: false, copies: 1 }]) {
          pipeline.tasks.copies = () => copies;
          pipeline.tasks.delayMs = () => copies * 1_700;
          await pipeline.accept(rest.splice(0, take));
          await pipeline.tick();
          if (forget) pipeline.start();
        }
        pipeline.tasks.copies = () => 1;
        await pipeline.clock.advance(3 * hourMs);
        assert.equal(pipeline.tasks.queued.size, 0);
        assert.deepEqual(pipeline.task('t'), await clean(events));
      },
    );
    await fc.assert(property, { numRuns: 60, seed: 11, endOnFailure: true });
  });

  it('is what happens past its bound', async () => {
    const pipeline = startPipeline();
    const text = 'x'.repeat(60_000);
    const many = Array.from({ length: Math.ceil((1.2 * maxRememberedBytes) / text.length) }, (_, index) =>
      patched(`t${index}`, startMs, { metadata: { text } }, deferred),
    );
    for (let start = 0; start < many.length; start += 50)
      await pipeline.accept(many.slice(start, start + 50));
    await pipeline.tick();
    const nowMs = pipeline.clock.now();
    const answered = [0, many.length - 1];
    await pipeline.accept(
      answered.flatMap((index) => [1, 2, 3].map((uid) => response(`t${index}`, nowMs, uid))),
    );
    await pipeline.tick();
    const has = (index: number): boolean => pipeline.task(`t${index}`)?.['metadata'] !== undefined;
    assert.deepEqual(answered.map(has), [false, true]);
    await pipeline.clock.advance(100_000);
    assert.ok(many.every((_, index) => has(index)));
    assert.equal(pipeline.tasks.queued.size, 0);
  });
});

describe('an event that is remembered', () => {
  const object = 'bodies/responses/1';

  it('is not written off before what follows its commit is done', async () => {
    const pipeline = startPipeline();
    await pipeline.objects.connect().put(object, Buffer.from('"body"'), { customTimeMs: startMs });
    await oneByOne(pipeline, [(nowMs) => response('t', nowMs, 1, { body: { object, bytes: 6 } })]);
    pipeline.decide = (operation) => (operation.startsWith('objects.setCustomTime') ? 'failed' : 'done');
    await ask(pipeline);
    await pipeline.tick();
    assert.equal(pipeline.task('t')?.['response_count'], 1);
    assert.equal(pipeline.objects.customTimeMs(object), startMs);
    pipeline.decide = () => 'done';
    await pipeline.clock.advance(60_000);
    assert.ok((pipeline.objects.customTimeMs(object) ?? 0) > startMs);
    assert.equal(pipeline.tasks.queued.size, 0);
  });

  it('becomes one dead letter where Firestore refuses it, and takes no other with it', async () => {
    const pipeline = startPipeline();
    pipeline.documents.refuse = (path, fields) =>
      path === 'tasks/t' && fields?.['priority'] === 13 ? 'a bad value' : undefined;
    await oneByOne(pipeline, [(nowMs) => patched('t', nowMs, { priority: 13 }, deferred), ...threeAnswers]);
    await pipeline.clock.advance(100_000);
    assert.equal(pipeline.task('t')?.['response_count'], 3);
    assert.equal(pipeline.objects.json('dead-letters/').length, 1);
    assert.equal(pipeline.log.filter(({ message }) => message === 'Kept a dead letter').length, 1);
    assert.equal(pipeline.tasks.queued.size, 0);
  });

  it('stands alone where our own code breaks on it', async () => {
    const pipeline = startPipeline();
    pipeline.breaksOn = (event) => event.kind === 'patched';
    await oneByOne(pipeline, [(nowMs) => patched('t', nowMs, { priority: 1 }, deferred), ...threeAnswers]);
    assert.equal(pipeline.task('t')?.['response_count'], 3);
    await pipeline.clock.advance(hourMs);
    const letters = pipeline.objects.json('dead-letters/');
    assert.deepEqual(
      letters.map(({ reason }) => reason),
      ['fails_repeatedly'],
    );
    assert.equal(pipeline.tasks.queued.size, 0);
  });

  it('is forgotten, and put again, where its carrier comes before it is due', async () => {
    const pipeline = startPipeline();
    await oneByOne(pipeline, [answer(1)]);
    const [carrier] = pipeline.tasks.in('flush');
    assert.ok(carrier !== undefined);
    let isDown = true;
    pipeline.decide = (operation) => (isDown && operation.startsWith('documents.') ? 'failed' : 'done');
    const delivered = pipeline.tasks.retryNow(carrier);
    await pipeline.clock.advance(1_000);
    await delivered;
    assert.equal(pipeline.tasks.in('flush').length, 1, 'the event is in a carrier still');
    isDown = false;
    await pipeline.clock.advance(100_000);
    assert.equal(pipeline.task('t')?.['response_count'], 1);
  });
});

describe('the memory', () => {
  const group = (...events: Event[]) => ({ path: 'tasks/t', events, isForced: false });
  const [first, second] = [response('t', startMs, 1), response('t', startMs, 2)];

  it('joins events of a document, each once', () => {
    const remembered = new Remembered();
    remembered.wait({ group: group(first), dueMs: 1 });
    assert.deepEqual(remembered.join([group(first, second)]), [group(first, second)]);
    assert.deepEqual(remembered.join([group(second)]), [group(first, second)]);
    assert.deepEqual(remembered.join([{ ...group(second), path: 'tasks/u' }])[0]?.events, [second]);
  });

  it('knows events as written only once their document is', () => {
    const remembered = new Remembered();
    remembered.wait({ group: group(first), dueMs: 1 });
    assert.equal(remembered.isWritten(first), false);
    remembered.written('tasks/t', [first]);
    assert.deepEqual(
      [first, second].map((event) => remembered.isWritten(event)),
      [true, false],
    );
    remembered.wait({ group: group(second), dueMs: 1 });
    remembered.written('tasks/t', [first]);
    assert.equal(remembered.isWritten(second), false, 'it began to wait while the first was written');
    remembered.wait({ group: group(second), dueMs: 1 });
    remembered.forget('tasks/t');
    remembered.written('tasks/t', [second]);
    assert.equal(remembered.isWritten(second), false);
  });
});
