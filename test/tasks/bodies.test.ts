import assert from 'node:assert/strict';
import type { TaskEvent } from '../../functions/src/events/event.ts';
import { ttlField } from '../../functions/src/platform/documents.ts';
import type { Json } from '../../functions/src/platform/json.ts';
import { documentBytes } from '../../functions/src/platform/values.ts';
import { maxResponsesPerTask, maxTaskDocumentBytes } from '../../functions/src/tasks/limits.ts';
import { presentWholeTask } from '../../functions/src/tasks/present.ts';
import { startMs } from '../support/clock.ts';
import { crashAt } from '../support/crash.ts';
import { created, patched, response } from '../support/events.ts';
import { type Pipeline, startPipeline } from '../support/pipeline.ts';

const dayMs = 86_400_000;
const never = Date.UTC(2200, 0, 1);

/** Stores a body as ingest does, and answers with it. */
async function answerWithBody(
  { objects, clock }: Pipeline,
  uid: number,
  ms: number,
  taskId = 't',
): Promise<TaskEvent> {
  const object = `bodies/responses/${taskId}-${uid}-${ms - startMs}`;
  const bytes = Buffer.from(JSON.stringify({ body: uid }));
  await objects.connect().put(object, bytes, { customTimeMs: clock.now() });
  return response(taskId, ms, uid, { body: { object, bytes: bytes.length } });
}

/** A task's responses as stored. */
function stored({ documents }: Pipeline, taskId = 't'): Record<string, Record<string, unknown>> {
  return (documents.fields(`tasks/${taskId}`)?.['miner_responses'] ?? {}) as Record<
    string,
    Record<string, unknown>
  >;
}

/** Each response's data, wherever it is. */
function answers(pipeline: Pipeline): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(stored(pipeline)).map(([uid, fields]) => {
      const body = fields['response_body'] as { object: string } | undefined;
      const text =
        body === undefined
          ? fields['response_data_json']
          : pipeline.objects.objects.get(body.object)?.bytes.toString('utf8');
      return [uid, text === undefined ? fields['response_data'] : JSON.parse(String(text))];
    }),
  );
}

function letters({ objects }: Pipeline) {
  return objects.json('dead-letters/');
}

describe('bodies that ingest put into objects', () => {
  it('are kept for good once the task refers to them', async () => {
    const pipeline = startPipeline();
    const events = [await answerWithBody(pipeline, 1, startMs), await answerWithBody(pipeline, 2, startMs)];
    await pipeline.accept(events);
    assert.equal(pipeline.objects.customTimeMs('bodies/responses/t-1-0'), startMs);
    await pipeline.clock.advance(70_000);
    assert.deepEqual(answers(pipeline), { 1: { body: 1 }, 2: { body: 2 } });
    for (const name of pipeline.objects.names()) assert.equal(pipeline.objects.customTimeMs(name), never);
  });

  it('are kept as long as their task where tasks expire, and longer when it is written again', async () => {
    const pipeline = startPipeline({ retentionMs: 30 * dayMs });
    await pipeline.accept([await answerWithBody(pipeline, 1, startMs)]);
    await pipeline.clock.advance(70_000);
    const untilMs = (): number => pipeline.objects.customTimeMs('bodies/responses/t-1-0') ?? 0;
    // The bucket's rule leaves it for 60 more days, so a day more or less is not worth an operation.
    const expiresMs = (): number => Date.parse(String(pipeline.task('t')?.[ttlField]));
    assert.ok(untilMs() >= expiresMs());
    await pipeline.clock.advance(29 * dayMs);
    await pipeline.accept([patched('t', pipeline.clock.now(), { priority: 1 }, { visibility: 'prompt' })]);
    await pipeline.tick();
    assert.ok(expiresMs() > startMs + 58 * dayMs);
    assert.ok(untilMs() >= expiresMs() - dayMs, 'the body would go before its task');
  });

  it('are deleted then also where the instance dies between the commit and that', async () => {
    const pipeline = startPipeline();
    await pipeline.accept([await answerWithBody(pipeline, 1, startMs + 5), response('t', startMs, 2)]);
    await pipeline.clock.advance(70_000);
    crashAt(pipeline, (operation) => operation.startsWith('objects.delete'), 'died before');
    await pipeline.accept([response('t', startMs, 1)]);
    await pipeline.clock.advance(120_000);
    assert.deepEqual(answers(pipeline)[1], { answer: 1 });
    assert.deepEqual(pipeline.objects.names(), []);
  });

  it('are all deleted in the end where places are lost one after the other before any can be deleted', async () => {
    const pipeline = startPipeline();
    pipeline.decide = (operation) => (operation.startsWith('objects.delete') ? 'failed' : 'done');
    for (const ms of [30, 20, 10, 0]) {
      await pipeline.accept([await answerWithBody(pipeline, 1, startMs + ms)]);
      await pipeline.clock.advance(70_000);
    }
    const bodies = () => pipeline.objects.names().filter((name) => name.startsWith('bodies/responses/'));
    assert.equal(bodies().length, 4);
    pipeline.decide = () => 'done';
    await pipeline.clock.advance(3_600_000);
    assert.deepEqual(bodies(), ['bodies/responses/t-1-0']);
  });

  it('are deleted when an earlier response of the miner takes the place', async () => {
    const pipeline = startPipeline();
    await pipeline.accept([await answerWithBody(pipeline, 1, startMs + 10)]);
    await pipeline.clock.advance(70_000);
    await pipeline.accept([await answerWithBody(pipeline, 1, startMs)]);
    await pipeline.tick();
    assert.deepEqual(pipeline.objects.names(), ['bodies/responses/t-1-0']);
    assert.deepEqual(answers(pipeline), { 1: { body: 1 } });
  });

  it('are deleted however many lose their place at once', async () => {
    const pipeline = startPipeline();
    const uids = Array.from({ length: 50 }, (_, uid) => uid);
    for (const ms of [startMs + 100, startMs]) {
      await pipeline.accept(await Promise.all(uids.map((uid) => answerWithBody(pipeline, uid, ms))));
      await pipeline.clock.advance(70_000);
    }
    assert.deepEqual(
      pipeline.objects.names().sort(),
      uids.map((uid) => `bodies/responses/t-${uid}-0`).sort(),
    );
  });

  it('are none of Sluice’s where the document leads to another object', async () => {
    const pipeline = startPipeline();
    const bucket = pipeline.objects.connect();
    for (const name of ['control/file-secret', 'user_audio/theirs.wav'])
      await bucket.put(name, Buffer.from('{"a":1}'));
    const responses = pipeline.objects
      .names()
      .map((object, uid) => [
        String(uid),
        { miner_uid: uid, response_body: { object, bytes: 7 }, received_at: new Date(startMs + 100) },
      ]);
    pipeline.documents.set('tasks/t', { task_id: 't', miner_responses: Object.fromEntries(responses) });
    const fields = pipeline.documents.fields('tasks/t') ?? {};
    assert.ok(!JSON.stringify(await presentWholeTask('t', fields, bucket)).includes('"a"'));
    await pipeline.accept([0, 1].map((uid) => response('t', startMs, uid)));
    await pipeline.clock.advance(70_000);
    assert.deepEqual(pipeline.objects.names(), ['control/file-secret', 'user_audio/theirs.wav']);
    assert.equal(pipeline.objects.customTimeMs('user_audio/theirs.wav'), undefined);
  });

  it('are left to go by themselves when their response is a duplicate', async () => {
    const pipeline = startPipeline();
    await pipeline.accept([await answerWithBody(pipeline, 1, startMs)]);
    await pipeline.clock.advance(70_000);
    await pipeline.accept([await answerWithBody(pipeline, 1, startMs + 10)]);
    await pipeline.clock.advance(70_000);
    assert.equal(pipeline.objects.customTimeMs('bodies/responses/t-1-0'), never);
    assert.ok((pipeline.objects.customTimeMs('bodies/responses/t-1-10') ?? 0) < never);
    assert.equal(pipeline.documents.writes, 1);
  });

  it('are kept by the redelivery where the instance dies after the commit', async () => {
    const pipeline = startPipeline();
    crashAt(pipeline, (operation) => operation === 'documents.commit', 'died after');
    await pipeline.accept([await answerWithBody(pipeline, 1, startMs - 70_000)]);
    await pipeline.tick();
    await pipeline.clock.advance(5_000);
    assert.equal(pipeline.documents.writes, 1);
    assert.equal(pipeline.objects.customTimeMs('bodies/responses/t-1--70000'), never);
    assert.equal(pipeline.tasks.queued.size, 0);
  });

  it('are kept before the delivery is acknowledged', async () => {
    const pipeline = startPipeline();
    let failures = 2;
    pipeline.decide = (operation) => {
      if (!operation.startsWith('objects.setCustomTime') || failures === 0) return 'done';
      failures -= 1;
      return 'failed';
    };
    await pipeline.accept([await answerWithBody(pipeline, 1, startMs - 70_000)]);
    await pipeline.tick();
    assert.equal(pipeline.tasks.in('flush').length, 1);
    await pipeline.clock.advance(10_000);
    assert.equal(pipeline.tasks.in('flush').length, 0);
    assert.equal(pipeline.objects.customTimeMs('bodies/responses/t-1--70000'), never);
    assert.equal(pipeline.documents.writes, 1);
  });
});

describe('a task whose responses do not fit one document', () => {
  const sixtyKilobytes = (uid: number): Json => `${uid} ${'x'.repeat(60_000)}`;
  /** A body of about 60 KB as text, four times that as values of Firestore. */
  const nestedNumbers = (uid: number): Json => [[uid, ...Array.from({ length: 30_000 }, () => 1)]];

  for (const [what, dataOf] of Object.entries({ text: sixtyKilobytes, 'lists in lists': nestedNumbers })) {
    it('counts what others put into the document', async () => {
      const pipeline = startPipeline();
      pipeline.documents.set('tasks/t', { theirs: 'x'.repeat(600_000) });
      const data = (uid: number) => `${uid} ${'y'.repeat(250_000)}`;
      for (const first of [1, 4]) {
        const uids = [first, first + 1, first + 2];
        await pipeline.accept(uids.map((uid) => response('t', startMs, uid, { response_data: data(uid) })));
        await pipeline.tick();
      }
      assert.deepEqual(Object.values(answers(pipeline)), [1, 2, 3, 4, 5, 6].map(data));
      assert.ok(documentBytes('tasks/t', pipeline.documents.fields('tasks/t') ?? {}) <= maxTaskDocumentBytes);
      assert.equal(pipeline.documents.fields('tasks/t')?.['theirs'], 'x'.repeat(600_000));
      assert.deepEqual(letters(pipeline), []);
    });

    it(`has as many of them in objects as it must: ${what}`, async () => {
      const pipeline = startPipeline();
      const uids = Array.from({ length: 24 }, (_, uid) => uid);
      for (const uid of uids)
        await pipeline.accept([response('t', startMs, uid, { response_data: dataOf(uid) })]);
      await pipeline.tick();
      assert.deepEqual(letters(pipeline), []);
      assert.equal(pipeline.documents.writes, 1);
      assert.deepEqual(answers(pipeline), Object.fromEntries(uids.map((uid) => [uid, dataOf(uid)])));
      const bytes = documentBytes('tasks/t', pipeline.documents.fields('tasks/t') ?? {});
      assert.ok(bytes <= maxTaskDocumentBytes + 100);
      const bodies = pipeline.objects.names('bodies/responses/');
      assert.ok(bodies.length > 0 && bodies.length < 16, `${bodies.length} bodies were moved`);
      for (const name of bodies) assert.equal(pipeline.objects.customTimeMs(name), never);
    });
  }

  it('keeps those bodies where the instance dies after the commit', async () => {
    const pipeline = startPipeline();
    crashAt(pipeline, (operation) => operation === 'documents.commit', 'died after');
    for (let uid = 0; uid < 24; uid += 1)
      await pipeline.accept([response('t', startMs, uid, { response_data: sixtyKilobytes(uid) })]);
    await pipeline.tick();
    await pipeline.clock.advance(120_000);
    const bodies = Object.values(stored(pipeline)).flatMap((fields) => fields['response_body'] ?? []);
    assert.ok(bodies.length > 0);
    for (const body of bodies) {
      assert.equal(pipeline.objects.customTimeMs((body as { object: string }).object), never);
    }
  });
});

describe('a response that has no place among the 256 any more', () => {
  async function fullTask(pipeline: Pipeline): Promise<void> {
    const others = Array.from({ length: maxResponsesPerTask - 1 }, (_, uid) =>
      response('t', startMs + uid, uid),
    );
    await pipeline.accept([
      created('t', startMs, { required_miner_count: 256 }, { sequence: 9_999 }),
      ...others,
      await answerWithBody(pipeline, 500, startMs + 999),
    ]);
    await pipeline.tick();
    assert.equal(pipeline.task('t')?.['response_count'], 256);
  }
  const earlier = patched('t', startMs, { priority: 1 }, { visibility: 'prompt', sequence: 999 });

  it('becomes a dead letter with its body inside', async () => {
    const pipeline = startPipeline();
    await fullTask(pipeline);
    await pipeline.accept([response('t', startMs, 600), earlier]);
    await pipeline.tick();
    assert.ok('600' in stored(pipeline) && !('500' in stored(pipeline)));
    const [letter, ...others] = letters(pipeline);
    assert.deepEqual(others, []);
    assert.equal(letter?.['reason'], 'too_many_responses');
    const event = letter?.['event'] as { response: { response_data?: unknown } };
    assert.deepEqual(event.response.response_data, { body: 500 });
  });

  it('becomes a dead letter also where the instance dies at the commit', async () => {
    for (const fate of ['died before', 'died after'] as const) {
      const pipeline = startPipeline();
      await fullTask(pipeline);
      crashAt(pipeline, (operation) => operation === 'documents.commit', fate);
      await pipeline.accept([response('t', startMs, 600), earlier]);
      await pipeline.tick();
      await pipeline.clock.advance(10_000);
      assert.ok('600' in stored(pipeline));
      assert.deepEqual(
        letters(pipeline).map(({ reason }) => reason),
        ['too_many_responses'],
        fate,
      );
    }
  });

  it('stays where Cloud Storage does not take the dead letter', async () => {
    const pipeline = startPipeline();
    await fullTask(pipeline);
    let isDown = true;
    pipeline.decide = (operation) => (isDown && operation.includes('dead-letters/') ? 'failed' : 'done');
    await pipeline.accept([response('t', startMs, 600), earlier]);
    await pipeline.tick();
    assert.ok('500' in stored(pipeline) || pipeline.objects.names('bodies/').length > 0);
    isDown = false;
    await pipeline.clock.advance(120_000);
    assert.ok('600' in stored(pipeline));
    const event = letters(pipeline)[0]?.['event'] as { response: { response_data?: unknown } };
    assert.deepEqual(event.response.response_data, { body: 500 });
  });

  it('costs no upload of bodies again at each redelivery that cannot keep the dead letter', async () => {
    const pipeline = startPipeline();
    pipeline.decide = (operation) => (operation.includes('dead-letters/') ? 'failed' : 'done');
    const data = 'x'.repeat(20_000);
    const uids = Array.from({ length: maxResponsesPerTask + 1 }, (_, uid) => uid);
    for (let first = 0; first < uids.length; first += 50) {
      const some = uids.slice(first, first + 50);
      await pipeline.accept(
        some.map((uid) => response('t', startMs + uid, uid, { response_data: `${uid}${data}` })),
      );
    }
    await pipeline.tick();
    await pipeline.clock.advance(300_000);
    assert.equal(pipeline.objects.names('bodies/responses/').length, 0);
    pipeline.decide = () => 'done';
    await pipeline.clock.advance(600_000);
    assert.equal(Object.keys(stored(pipeline)).length, maxResponsesPerTask);
    assert.equal(letters(pipeline).length, 1);
  });
});
