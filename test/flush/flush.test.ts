import assert from 'node:assert/strict';
import { stampCeiling } from '../../functions/src/events/stamp.ts';
import { startMs } from '../support/clock.ts';
import { created, patched, response } from '../support/events.ts';
import { flushRequest, type Pipeline, sentBytes, startPipeline, tickMs } from '../support/pipeline.ts';

const openTask = { task_type: 'test', required_miner_count: 5 };

describe('flush', () => {
  let pipeline: Pipeline;

  beforeEach(() => {
    pipeline = startPipeline();
  });

  /** Seconds after acceptance at which a task was first written. */
  async function writtenAfter(events: Parameters<Pipeline['accept']>[0]): Promise<number> {
    await pipeline.accept(events);
    for (let tick = 1; tick <= 20; tick += 1) {
      await pipeline.tick();
      if (pipeline.documents.writes > 0) return tick * (tickMs / 1000);
    }
    return Number.NaN;
  }

  describe('writes a task', () => {
    it('at the next tick with three new responses', async () => {
      assert.equal(await writtenAfter([1, 2, 3].map((uid) => response('t', startMs, uid))), 5);
    });

    it('at the next tick when the responses in hand complete the creation in hand', async () => {
      const events = [
        created('t', startMs, { ...openTask, required_miner_count: 1 }),
        response('t', startMs + 1, 1),
      ];
      assert.equal(await writtenAfter(events), 5);
      assert.equal(pipeline.task('t')?.['status'], 'completed');
    });

    it('at the next tick where a response completes what this instance wrote before', async () => {
      await pipeline.accept([
        created('t', startMs, { ...openTask, required_miner_count: 2 }, { visibility: 'prompt' }),
      ]);
      await pipeline.tick();
      const nowMs = pipeline.clock.now();
      await pipeline.accept([response('t', nowMs, 1), response('t', nowMs, 2)]);
      await pipeline.tick();
      assert.equal(pipeline.task('t')?.['status'], 'completed');
      assert.deepEqual(pipeline.documents.reads, []);
    });

    it('after 60 s with fewer responses, as duplicates of one miner are', async () => {
      const events = [0, 1, 2].map((sequence) => response('t', startMs, 1, {}, sequence));
      assert.equal(await writtenAfter(events), 60);
    });

    it('after 30 s without responses; prompt at once, deferred after 60 s', async () => {
      assert.equal(await writtenAfter([created('t', startMs)]), 30);
      for (const [visibility, seconds] of [
        ['prompt', 5],
        ['deferred', 60],
      ] as const) {
        pipeline = startPipeline();
        assert.equal(await writtenAfter([created('t', startMs, openTask, { visibility })]), seconds);
      }
    });

    it('when a flush is asked for, but not what is accepted after that', async () => {
      await pipeline.accept([
        patched('before', startMs, { priority: 'high' }),
        patched('after', startMs + 60, { priority: 'high' }),
      ]);
      await pipeline.tasks
        .connect('flush')
        .put(flushRequest(stampCeiling(startMs + 10), startMs + 1), startMs + 1);
      await pipeline.tick();
      assert.deepEqual(pipeline.documents.commits, [['tasks/before']]);
    });

    it('at once where its carrier comes before its time', async () => {
      pipeline.tasks.ignoresSchedule = true;
      await pipeline.accept([response('t', startMs, 1)]);
      await pipeline.clock.advance(1_000);
      assert.deepEqual(pipeline.documents.commits, [['tasks/t']]);
    });

    it('once, however many carriers bring its events', async () => {
      for (let uid = 0; uid < 6; uid += 1) await pipeline.accept([response('t', startMs, uid)]);
      await pipeline.tick();
      assert.deepEqual(pipeline.documents.commits, [['tasks/t']]);
      assert.equal(pipeline.task('t')?.['response_count'], 6);
    });
  });

  describe('gathers what arrives together', () => {
    /** Lets carriers come so many milliseconds apart; the moments of the flushes, counted from the first's arrival. */
    const flushes = async (apartMs: number, count: number): Promise<number[]> => {
      let order = 0;
      pipeline.tasks.delayMs = () => apartMs * order++;
      for (let uid = 0; uid < count; uid += 1)
        await pipeline.accept([patched(`t${uid}`, startMs, { priority: 1 }, { visibility: 'prompt' })]);
      const moments: number[] = [];
      pipeline.decide = (operation) => {
        if (operation === 'documents.commit') moments.push(pipeline.clock.now() - startMs - 5_000);
        return 'done';
      };
      await pipeline.tick();
      return moments;
    };

    it('for 50 ms after the last of them', async () => {
      assert.deepEqual(await flushes(0, 1), [50]);
    });

    it('as long as they come, at most 300 ms', async () => {
      assert.deepEqual(await flushes(40, 4), [170]);
      pipeline = startPipeline();
      assert.deepEqual(await flushes(40, 10), [300, 410]);
    });
  });

  describe('carries what is not ready', () => {
    it('once, in one carrier that is due when the wait is over', async () => {
      for (let uid = 0; uid < 2; uid += 1) await pipeline.accept([response('t', startMs, uid)]);
      for (let tick = 0; tick < 5; tick += 1) {
        await pipeline.tick();
        assert.equal(pipeline.tasks.in('flush').length, 1);
      }
      assert.equal(pipeline.tasks.put.length, 2 + 1);
      assert.equal(pipeline.tasks.in('flush')[0]?.dueMs, startMs + 60_000);
    });

    it('but not what this instance knows to be in the document', async () => {
      const events = [1, 2, 3].map((uid) => response('t', startMs, uid));
      await pipeline.accept(events);
      await pipeline.tick();
      const nowMs = pipeline.clock.now();
      await pipeline.accept([...events, response('t', nowMs, 1)]);
      await pipeline.tick();
      assert.equal(pipeline.tasks.in('flush').length, 0);
      assert.equal(pipeline.documents.writes, 1);
      assert.equal(pipeline.documents.reads.flat().length, 1, 'the one before the first write');
    });

    it('as one object where it does not fit a carrier', async () => {
      const noise = Array.from({ length: 90 }, (_, uid) =>
        response(`t${uid}`, startMs, uid, { response_data: incompressible(uid, 1_500) }),
      );
      for (let start = 0; start < noise.length; start += 30)
        await pipeline.accept(noise.slice(start, start + 30));
      await pipeline.tick();
      const [carried] = pipeline.tasks.in('flush');
      assert(carried !== undefined && carried.data['object'] !== undefined);
      assert(sentBytes(carried.data) < 1_000);
      await pipeline.clock.advance(70_000);
      assert.equal(pipeline.documents.paths().length, noise.length);
    });
  });

  describe('holds nothing back for one bad event', () => {
    it('that Firestore refuses: it alone becomes a dead letter, the others of its task are written', async () => {
      pipeline.documents.refuse = (_, fields) =>
        JSON.stringify(fields['miner_responses'] ?? {}).includes('poison') ? 'a bad value' : undefined;
      await pipeline.accept([
        response('t', startMs, 1),
        response('t', startMs, 2, { response_data: 'poison' }),
        response('t', startMs, 3),
        ...[1, 2, 3].map((uid) => response('other', startMs, uid)),
      ]);
      await pipeline.tick();
      assert.deepEqual(Object.keys(pipeline.task('t')?.['miner_responses'] ?? {}), ['1', '3']);
      assert.equal(pipeline.task('other')?.['response_count'], 3);
      const letters = deadLetters(pipeline);
      assert.deepEqual(
        letters.map(({ reason }) => reason),
        ['refused_by_firestore'],
      );
      assert.equal(pipeline.tasks.in('flush').length, 0);
    });

    it('that is older than 45 days', async () => {
      await pipeline.accept([
        response('t', startMs - 46 * 86_400_000, 1),
        response('u', startMs - 61_000, 1),
      ]);
      await pipeline.tick();
      assert.deepEqual(pipeline.documents.paths(), ['tasks/u']);
      assert.deepEqual(
        deadLetters(pipeline).map(({ reason }) => reason),
        ['too_old'],
      );
    });

    it('that is the 257th response: the earliest 256 stay', async () => {
      await pipeline.accept(
        Array.from({ length: 257 }, (_, uid) => response('t', startMs + 1_000 - uid, uid)),
      );
      await pipeline.tick();
      assert.equal(pipeline.task('t')?.['response_count'], 256);
      const [letter] = deadLetters(pipeline);
      assert.equal(letter?.reason, 'too_many_responses');
      assert.equal(letter?.event.response.miner_uid, 0);
    });
  });

  it('keeps a corrupt carrier as a dead letter', async () => {
    const corrupt = {
      schema: 1,
      due_ms: startMs,
      count: 1,
      events: Buffer.from('no deflate').toString('base64'),
    };
    await pipeline.tasks.connect('flush').put(corrupt, startMs);
    await pipeline.tick();
    assert.equal(pipeline.tasks.in('flush').length, 0);
    assert.deepEqual(
      deadLetters(pipeline).map(({ reason }) => reason),
      ['unreadable'],
    );
  });

  it('waits while Firestore is down, with carriers put back unopened, and goes on by itself', async () => {
    let isDown = true;
    pipeline.decide = (operation) => (isDown && operation.startsWith('documents') ? 'failed' : 'done');
    pipeline.start();
    await pipeline.accept([1, 2, 3].map((uid) => response('t', startMs, uid)));
    await pipeline.clock.advance(120_000);
    assert.equal(pipeline.tasks.in('flush').length, 1);
    assert.equal(pipeline.tasks.in('flush')[0]?.retryCount, 0);
    assert(pipeline.tasks.put.length < 10, `${pipeline.tasks.put.length} puts: the pause grows`);
    isDown = false;
    await pipeline.clock.advance(120_000);
    assert.equal(pipeline.task('t')?.['response_count'], 3);
  });

  it('takes a lost answer for what it is: nothing is written twice', async () => {
    let isLost = true;
    pipeline.decide = (operation) => {
      if (operation !== 'documents.commit' || !isLost) return 'done';
      isLost = false;
      return 'lost';
    };
    pipeline.start();
    await pipeline.accept([1, 2, 3].map((uid) => response('t', startMs, uid)));
    await pipeline.clock.advance(120_000);
    assert.equal(pipeline.documents.writes, 1);
    assert.equal(pipeline.tasks.in('flush').length, 0);
  });

  it('reads only the document that somebody else wrote, not the others of its commit', async () => {
    const ids = ['a', 'b', 'c'];
    await pipeline.accept(ids.map((id) => created(id, startMs, openTask, { visibility: 'prompt' })));
    await pipeline.tick();
    pipeline.documents.set('tasks/b', { ...pipeline.documents.fields('tasks/b'), note: 'from outside' });
    const nowMs = pipeline.clock.now();
    await pipeline.accept(
      ids.map((id) => patched(id, nowMs, { priority: 'high' }, { visibility: 'prompt' })),
    );
    await pipeline.tick();
    assert.deepEqual(pipeline.documents.reads, [['tasks/b']]);
    assert.equal(pipeline.documents.fields('tasks/b')?.['note'], 'from outside');
    for (const id of ids) assert.equal(pipeline.task(id)?.['priority'], 'high');
  });

  it('ends a task at its deadline, by how many answered', async () => {
    await pipeline.accept([
      created('some', startMs),
      created('none', startMs),
      response('some', startMs + 1, 1),
    ]);
    await pipeline.clock.advance(65_000);
    assert.equal(pipeline.tasks.in('expire').length, 1, 'both deadlines share the carrier of their minute');
    assert.equal(pipeline.task('some')?.['status'], 'in_progress');
    await pipeline.clock.advance(3_600_000);
    assert.equal(pipeline.task('some')?.['status'], 'completed');
    assert.equal(pipeline.task('some')?.['completion_reason'], 'timeout');
    assert.equal(pipeline.task('none')?.['status'], 'failed');
  });
});

function deadLetters({ objects }: Pipeline) {
  return objects
    .names()
    .filter((name) => name.startsWith('dead-letters/'))
    .map((name) => JSON.parse(objects.objects.get(name)?.bytes.toString('utf8') ?? '{}'));
}

/** Text that does not compress: hex of a multiplicative sequence. */
function incompressible(seed: number, length: number): string {
  let state = seed + 1;
  let text = '';
  while (text.length < length) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    text += state.toString(36);
  }
  return text.slice(0, length);
}
