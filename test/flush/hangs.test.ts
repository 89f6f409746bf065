import assert from 'node:assert/strict';
import type { TaskEvent } from '../../functions/src/events/event.ts';
import { startMs } from '../support/clock.ts';
import { created, patched, response } from '../support/events.ts';
import { type Pipeline, startPipeline } from '../support/pipeline.ts';

const prompt = { visibility: 'prompt' } as const;
const dayMs = 86_400_000;

interface Case {
  /** The events of which a call hangs, each case's in a carrier of its own. */
  events(pipeline: Pipeline, ms: number): Promise<TaskEvent[]> | TaskEvent[];
  /** The call of theirs that hangs. */
  hangs: RegExp;
  /** Calls that fail. */
  fails?: RegExp;
  /** Dead letters there are at the end. */
  letters?: string[];
}

/** Calls that a flush waits for beside its reads and commits. */
const cases: Record<string, Case> = {
  'the dead letter of an event too old': {
    events: (_, ms) => [patched('own', ms - 46 * dayMs, { priority: 1 }, prompt)],
    hangs: /^objects\.put dead/,
    letters: ['too_old'],
  },
  'the dead letter of an event that Firestore refuses': {
    events: (pipeline, ms) => {
      pipeline.documents.refuse = (path) => (path === 'tasks/own' ? 'a bad value' : undefined);
      return [patched('own', ms, { priority: 1 }, prompt)];
    },
    hangs: /^objects\.put dead/,
    letters: ['refused_by_firestore'],
  },
  'the mark that keeps a body': {
    events: async ({ objects, clock }, ms) => {
      await objects.connect().put('bodies/responses/own', Buffer.from('{}'), { customTimeMs: clock.now() });
      const body = { object: 'bodies/responses/own', bytes: 2 };
      return [1, 2, 3].map((uid) => response('own', ms, uid, uid === 1 ? { body } : {}));
    },
    hangs: /^objects\.setCustomTime/,
  },
  'the body that a document has no room for': {
    events: (_, ms) =>
      [1, 2, 3].map((uid) => response('own', ms, uid, { response_data: String(uid).repeat(400_000) })),
    hangs: /^objects\.put bodies\/responses/,
  },
  'the booking of a deadline': {
    events: (_, ms) => [created('own', ms, { task_type: 'test' }, prompt)],
    hangs: /^tasks\.put expire/,
  },
  'the carrier of what waits': {
    events: (_, ms) => [response('own', ms, 1)],
    hangs: /^tasks\.put flush/,
  },
  'the spool': {
    events: (_, ms) => [response('own', ms, 1)],
    fails: /^tasks\.put flush/,
    hangs: /^objects\.put spool/,
  },
};

describe('a call that hangs in a flush', () => {
  for (const [name, { events, hangs, fails, letters = [] }] of Object.entries(cases)) {
    it(`costs the delivery of its own events, and nothing else: ${name}`, async () => {
      const pipeline = startPipeline();
      await pipeline.accept(await events(pipeline, startMs));
      for (let other = 0; other < 30; other += 1)
        await pipeline.accept([patched(`other${other}`, startMs, { priority: other }, prompt)]);
      let hung = 0;
      let isDown = true;
      pipeline.decide = (operation) => {
        if (isDown && fails?.test(operation)) return 'failed';
        if (!hangs.test(operation) || hung > 0) return 'done';
        hung += 1;
        return 'died before';
      };
      await pipeline.clock.advance(12_000);
      for (let other = 0; other < 30; other += 1) assert.ok(pipeline.task(`other${other}`), `other${other}`);
      assert.equal(hung, 1);
      await pipeline.clock.advance(20_000);
      const waiting = pipeline.tasks.in('flush');
      assert.equal(waiting.filter(({ retryCount }) => retryCount > 0).length <= 1, true);
      assert.ok(waiting.length <= 1, 'the others are acknowledged');
      isDown = false;

      await pipeline.accept([patched('later', pipeline.clock.now(), { priority: 1 }, prompt)]);
      await pipeline.tick();
      assert.ok(pipeline.task('later'), 'the next flush goes on');
      await pipeline.clock.advance(300_000);
      assert.equal(pipeline.tasks.in('flush').length, 0);
      assert.deepEqual(
        pipeline.objects.json('dead-letters/').map(({ reason }) => reason),
        letters,
      );
      const isSpooled = pipeline.objects.names('spool/').length > 0;
      assert.equal(pipeline.task('own') === undefined, letters.length > 0 || isSpooled);
    });
  }

  it('also where every call hangs for a while: all is answered in time, and nothing is lost', async () => {
    const pipeline = startPipeline();
    const tookMs: number[] = [];
    const { deliver } = pipeline.tasks;
    pipeline.tasks.deliver = async (task, dispatch) => {
      const startedMs = pipeline.clock.now();
      await deliver?.(task, dispatch).finally(() => tookMs.push(pipeline.clock.now() - startedMs));
    };
    for (let task = 0; task < 60; task += 1) {
      await pipeline.accept([created(`t${task}`, startMs, { task_type: 'test' }, prompt)]);
      await pipeline.accept([patched(`old${task}`, startMs - 46 * dayMs, { priority: 1 }, prompt)]);
    }
    let areHanging = true;
    pipeline.decide = (operation) =>
      areHanging && !operation.startsWith('documents.') ? 'died before' : 'done';
    await pipeline.clock.advance(40_000);
    areHanging = false;
    await pipeline.clock.advance(600_000);
    assert.ok(Math.max(...tookMs) < 60_000, `${Math.max(...tookMs)} ms`);
    assert.equal(pipeline.tasks.in('flush').length, 0);
    assert.equal(pipeline.objects.names('dead-letters/').length, 60);
    for (let task = 0; task < 60; task += 1) assert.ok(pipeline.task(`t${task}`));
  });
});
