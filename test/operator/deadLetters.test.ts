import assert from 'node:assert/strict';
import { StampSource } from '../../functions/src/events/stamp.ts';
import { deadLetterRoutes } from '../../functions/src/operator/deadLetterRoutes.ts';
import { Outbox } from '../../functions/src/staging/outbox.ts';
import { maxResponsesPerTask } from '../../functions/src/tasks/limits.ts';
import { startMs } from '../support/clock.ts';
import { created, packLines, patched, response } from '../support/events.ts';
import type { Decide } from '../support/fate.ts';
import { type Answer, serveRoutes, type TestServer } from '../support/http.ts';
import { countingIds } from '../support/ids.ts';
import { memoryLogger } from '../support/logger.ts';
import { operation } from '../support/operations.ts';
import { contentsOf, type Pipeline, startPipeline, tickMs } from '../support/pipeline.ts';

const dayMs = 86_400_000;

interface Listed {
  id: string;
  reason: string | null;
  detail: string | null;
  kind: string | null;
  target: string | null;
}

/** Ids as contents have them. */
const ids = Object.fromEntries([...'abcdef'].map((digit) => [digit, digit.repeat(64)])) as Record<
  'a' | 'b' | 'c' | 'd' | 'e' | 'f',
  string
>;

describe('dead letters', () => {
  let pipeline: Pipeline;
  let server: TestServer;
  let decide: Decide;
  let log: ReturnType<typeof memoryLogger>;

  beforeEach(async () => {
    pipeline = startPipeline();
    decide = () => 'done';
    const { clock, tasks } = pipeline;
    const objects = pipeline.objects.connect((call) => decide(call));
    const queues = { flush: tasks.connect('flush'), expire: tasks.connect('expire') };
    const ids = countingIds();
    log = memoryLogger();
    const shared = { objects, clock, ids, logger: log };
    const routes = deadLetterRoutes({
      ...shared,
      outbox: new Outbox({ ...shared, queues }),
      stamps: new StampSource(clock, 'instance'),
      tickMs,
      responseInlineMaxBytes: 65_536,
    });
    server = await serveRoutes(routes, shared);
  });

  afterEach(() => server.close());

  const call = (method: string, path: string, key = 'admin-key'): Promise<Answer> =>
    server.call(`/v1/dead-letters${path}`, { method, headers: { 'x-api-key': key } });

  const list = async (query = ''): Promise<{ dead_letters: Listed[]; next_cursor: string | null }> =>
    (await call('GET', query)).json as unknown as { dead_letters: Listed[]; next_cursor: string | null };

  /** One letter: an operation that the database refused for now. */
  async function buryOne(ms = startMs): Promise<string> {
    pipeline.documents.refuse = () => 'a bad value';
    await pipeline.accept([operation('things/1', ms, 'set', { a: 1 }, { visibility: 'prompt' })]);
    await pipeline.tick();
    pipeline.documents.refuse = () => undefined;
    const [letter] = (await list()).dead_letters;
    return letter?.id ?? assert.fail('no dead letter');
  }

  it('are listed with what they are about, a page at a time', async () => {
    const id = await buryOne();
    const unreadable = ids.f;
    const objects = pipeline.objects.connect();
    await objects.put(`dead-letters/${unreadable}.json`, Buffer.from('no letter'));
    // A project's own, from before.
    for (const name of ['0.json', '1.txt', 'a/b.json', `f/${unreadable}.json`, 'zz.json'])
      await objects.put(`dead-letters/${name}`, Buffer.from('theirs'));
    const { dead_letters: all, next_cursor: end } = await list();
    assert.deepEqual(
      all.map((letter) => [letter.id, letter.reason, letter.detail, letter.kind, letter.target]),
      [
        [id, 'refused_by_firestore', 'a bad value', 'operation', 'things/1'],
        [unreadable, null, null, null, null],
      ],
    );
    assert.equal(end, null);
    const first = await list('?limit=1');
    assert.deepEqual([first.dead_letters.length, first.next_cursor], [1, id]);
    assert.deepEqual(
      (await list(`?limit=1&cursor=${id}`)).dead_letters.map((letter) => letter.id),
      [unreadable],
    );
  });

  it('are shown whole', async () => {
    const { json } = await call('GET', `/${await buryOne()}`);
    assert.deepEqual((json as { event: { data: unknown } }).event.data, { a: 1 });
  });

  it('are written to the log, one line each', async () => {
    const id = await buryOne();
    const lines = pipeline.log.filter(({ message }) => message === 'Kept a dead letter');
    assert.deepEqual(
      lines.map(({ fields }) => [fields['id'], fields['target']]),
      [[id, 'things/1']],
    );
  });

  it('are applied when they are replayed, with their stamp, and are gone', async () => {
    const id = await buryOne();
    const { status, json } = await call('POST', `/${id}/replay`);
    assert.equal(status, 202);
    assert.deepEqual(json, { id, replayed: true, accepted_at: new Date(startMs).toISOString() });
    assert.deepEqual(pipeline.objects.names(), []);
    await pipeline.accept([operation('things/1', startMs + 1, 'update', { a: 2 }, { visibility: 'prompt' })]);
    await pipeline.clock.advance(30_000);
    assert.equal(pipeline.documents.fields('things/1')?.['a'], 2, 'the later operation holds');
  });

  it('come back when they fail again', async () => {
    const id = await buryOne();
    pipeline.documents.refuse = () => 'still bad';
    await call('POST', `/${id}/replay`);
    await pipeline.clock.advance(30_000);
    assert.deepEqual(
      (await list()).dead_letters.map((letter) => [letter.id, letter.detail]),
      [[id, 'still bad']],
    );
  });

  it('come back when they fail again, also where they were made while their carrier waited', async () => {
    await pipeline.accept([
      created('t', startMs, {}, { visibility: 'prompt' }),
      ...Array.from({ length: maxResponsesPerTask }, (_, uid) => response('t', startMs + 1 + uid, uid)),
    ]);
    await pipeline.tick();
    await pipeline.accept([response('t', startMs + 999, 999)]);
    await pipeline.tick();
    assert.deepEqual((await list()).dead_letters, [], 'it waits');
    await pipeline.accept([patched('t', pipeline.clock.now(), { priority: 1 }, { visibility: 'prompt' })]);
    await pipeline.tick();
    await pipeline.clock.advance(120_000);
    const [letter] = (await list()).dead_letters;
    assert.equal(letter?.reason, 'too_many_responses');
    await call('POST', `/${letter?.id}/replay`);
    await pipeline.clock.advance(120_000);
    assert.deepEqual(
      (await list()).dead_letters.map(({ id }) => id),
      [letter?.id],
    );
  });

  it('get a new stamp past 45 days', async () => {
    const id = await buryOne();
    await pipeline.clock.advance(46 * dayMs);
    const { json } = await call('POST', `/${id}/replay`);
    const at = String((json as { accepted_at: string }).accepted_at);
    assert.equal(Date.parse(at), pipeline.clock.now());
    await pipeline.clock.advance(30_000);
    assert.equal(pipeline.documents.fields('things/1')?.['a'], 1);
  });

  it('bring a large response’s body along', async () => {
    const { response_data: _, ...answer } = response('t', startMs, 1).response;
    const body = { object: 'bodies/responses/gone', bytes: 100_002 };
    const event = {
      ...response('t', startMs, 1),
      response: { ...answer, response_data: 'x'.repeat(100_000), body },
    };
    const letter = { id: 'a', reason: 'fails_repeatedly', detail: '', at: '', event };
    await pipeline.objects.connect().put(`dead-letters/${ids.a}.json`, Buffer.from(JSON.stringify(letter)));
    assert.equal((await call('POST', `/${ids.a}/replay`)).status, 202);
    const [task] = pipeline.tasks.in('flush');
    const [sent] = await contentsOf(task?.data ?? {}, pipeline.objects);
    const moved =
      sent && 'event' in sent && sent.event.kind === 'response' ? sent.event.response.body : undefined;
    assert.equal(moved?.bytes, 100_002);
    assert.deepEqual(pipeline.objects.names('bodies/'), [moved?.object]);
  });

  it('stay where replaying fails', async () => {
    const id = await buryOne();
    decide = (operationName) => (operationName.startsWith('objects.delete') ? 'failed' : 'done');
    assert.equal((await call('POST', `/${id}/replay`)).status, 503);
    decide = () => 'done';
    assert.equal((await list()).dead_letters.length, 1);
    await pipeline.clock.advance(30_000);
    assert.equal((await call('POST', `/${id}/replay`)).status, 202);
    await pipeline.clock.advance(30_000);
    assert.equal(pipeline.documents.writes, 1, 'twice is as good as once');
  });

  it('that hold no event cannot be replayed', async () => {
    await pipeline.tasks
      .connect('flush')
      .put({ schema: 1, due_ms: 0, count: 1, events: 'bm90IGRlZmxhdGU=' }, startMs);
    await pipeline.tick();
    const [letter] = (await list()).dead_letters;
    assert.equal(letter?.reason, 'unreadable');
    assert.equal((await call('POST', `/${letter?.id}/replay`)).status, 409);
    assert.equal((await list()).dead_letters.length, 1);
  });

  it('of another version are replayed by code that knows it, and kept by code that does not', async () => {
    const event = operation('things/1', startMs, 'set', { a: 1 });
    const contents = (await packLines([JSON.stringify(event)])).toString('base64');
    const carrier = { schema: 2, due_ms: startMs, count: 1, events: contents, unread_since_ms: 1 };
    const letter = { id: 'x', reason: 'unknown_version', detail: '', at: '2026-01-01T00:00:00.000Z' };
    const bury = (id: string, content: object) =>
      pipeline.objects
        .connect()
        .put(`dead-letters/${id}.json`, Buffer.from(JSON.stringify({ ...letter, ...content })));
    await bury(ids.b, { carrier: { ...carrier, schema: 99 } });
    await bury(ids.c, { raw: JSON.stringify({ ...event, later: 1 }) });
    await bury(ids.d, { event, later: 1 });
    await bury(ids.e, { carrier });
    for (const id of [ids.b, ids.c, ids.d]) {
      assert.equal((await call('POST', `/${id}/replay`)).status, 409, id);
    }
    const { status, json } = await call('POST', `/${ids.e}/replay`);
    assert.deepEqual([status, json], [202, { id: ids.e, replayed: true, accepted_at: null }]);
    assert.equal((await list()).dead_letters.length, 3);
    await pipeline.clock.advance(60_000);
    assert.deepEqual(pipeline.documents.paths(), ['things/1']);
  });

  it('can be dropped for good', async () => {
    const id = await buryOne();
    assert.equal((await call('DELETE', `/${id}`)).status, 200);
    assert.deepEqual((await list()).dead_letters, []);
    assert.ok(
      log.lines.some(({ message, fields }) => message === 'Deleted a dead letter' && fields['id'] === id),
    );
    for (const [method, path] of [
      ['DELETE', `/${id}`],
      ['GET', `/${id}`],
      ['POST', `/${id}/replay`],
    ] as const) {
      assert.equal((await call(method, path)).status, 404, method);
    }
  });

  it('are for admin keys, and named by their ids', async () => {
    for (const key of ['ingest-key', 'read-key']) assert.equal((await call('GET', '', key)).status, 403);
    assert.equal((await call('GET', '/..%2Fcontrol%2Fkeys')).status, 400);
    assert.equal((await call('GET', '?limit=0')).status, 400);
    for (const cursor of ['a%2Fb', 'zz', '0', ids.f.toUpperCase()])
      assert.equal((await call('GET', `?cursor=${cursor}`)).status, 400, cursor);
  });
});
