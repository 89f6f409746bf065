import assert from 'node:assert/strict';
import { carrierOf, carrierToWire } from '../../functions/src/events/carrier.ts';
import { eventKey } from '../../functions/src/events/event.ts';
import { maxSweptPage } from '../../functions/src/staging/limits.ts';
import { sweepSpool } from '../../functions/src/staging/spool.ts';
import { ManualClock, startMs } from '../support/clock.ts';
import { packLines, response } from '../support/events.ts';
import type { Fate } from '../support/fate.ts';
import { idle } from '../support/idle.ts';
import { memoryLogger } from '../support/logger.ts';
import { MemoryObjects } from '../support/objects.ts';
import { keysIn, startPipeline } from '../support/pipeline.ts';
import { MemoryTasks } from '../support/tasks.ts';

function startSpool() {
  const clock = new ManualClock();
  const objects = new MemoryObjects(clock);
  const tasks = new MemoryTasks(clock);
  const logger = memoryLogger();
  const spool = {
    clock,
    objects,
    tasks,
    log: logger.lines,
    decide: (_operation: string): Fate => 'done',
    sweep: () => {
      const decide = (operation: string): Fate => spool.decide(operation);
      const queues = { flush: tasks.connect('flush', decide), expire: tasks.connect('expire', decide) };
      return sweepSpool({ objects: objects.connect(decide), queues, clock, logger });
    },
    put: (name: string, value: unknown) =>
      objects.connect().put(`spool/${name}.json`, Buffer.from(JSON.stringify(value))),
  };
  return spool;
}

const record = (number: number, queue = 'flush') => ({
  queue,
  due_ms: startMs + number,
  data: { schema: 1, due_ms: startMs + number, count: 0 },
});

describe('sweeping the spool', () => {
  it('puts each carrier back as it was, into its queue, and deletes it', async () => {
    const { put, sweep, tasks, objects } = startSpool();
    await put('a', record(1));
    await put('b', record(2, 'expire'));
    assert.equal(await sweep(), 2);
    assert.deepEqual(
      tasks.put.map(({ queue, data, dueMs }) => ({ queue, data, due_ms: dueMs })),
      [record(1), record(2, 'expire')],
    );
    assert.deepEqual(objects.names(), []);
  });

  it('costs one list where there is nothing', async () => {
    const spool = startSpool();
    const calls: string[] = [];
    spool.decide = (operation) => {
      calls.push(operation);
      return 'done';
    };
    assert.equal(await spool.sweep(), 0);
    assert.deepEqual(calls, ['objects.list spool/']);
  });

  it('stops once Cloud Tasks refuses several in a row, and keeps the rest', async () => {
    const spool = startSpool();
    for (let number = 100; number < 600; number += 1) await spool.put(String(number), record(number));
    let puts = 0;
    spool.decide = (operation) => {
      if (!operation.startsWith('tasks.put')) return 'done';
      puts += 1;
      return puts >= 100 ? 'failed' : 'done';
    };
    assert.equal(await spool.sweep(), 99);
    assert.ok(puts < 100 + 3 * 8, `${puts} calls`);
    assert.equal(spool.objects.names('spool/').length, 401);
  });

  it('goes past carriers that alone are refused, every time', async () => {
    const spool = startSpool();
    for (let number = 10; number < 60; number += 1) await spool.put(String(number), record(number));
    let puts = 0;
    spool.decide = (operation) => {
      puts += operation.startsWith('tasks.put') ? 1 : 0;
      return operation.startsWith('tasks.put') && puts % 3 === 1 ? 'failed' : 'done';
    };
    assert.equal(await spool.sweep(), 33);
    assert.equal(spool.objects.names('spool/').length, 17);
  });

  it('puts back many at once, for as long as it has time, and the rest a minute later', async () => {
    const spool = startSpool();
    for (let number = 10_000; number < 13_000; number += 1) await spool.put(String(number), record(number));
    const { clock } = spool;
    const real = spool.tasks.connect.bind(spool.tasks);
    spool.tasks.connect = (queue, decide) => ({
      put: async (data, dueMs) => {
        await new Promise<void>((resolve) => clock.setTimeout(resolve, 150));
        await real(queue, decide).put(data, dueMs);
      },
    });
    const sweep = spool.sweep();
    await clock.advance(45_000);
    const swept = await sweep;
    assert.ok(swept > 2_000 && swept < 3_000, `${swept} carriers`);
    const next = spool.sweep();
    await clock.advance(45_000);
    assert.equal(swept + (await next), 3_000);
    assert.deepEqual(spool.objects.names(), []);
  });

  it('loses nothing in a crash between putting back and deleting: a copy comes', async () => {
    const spool = startSpool();
    await spool.put('a', record(1));
    spool.decide = (operation) => (operation.startsWith('objects.delete') ? 'died before' : 'done');
    void spool.sweep();
    await idle();
    assert.equal(spool.tasks.put.length, 1);
    assert.deepEqual(spool.objects.names(), ['spool/a.json']);
    spool.decide = () => 'done';
    assert.equal(await spool.sweep(), 1);
    assert.deepEqual(spool.tasks.put[0]?.data, spool.tasks.put[1]?.data);
    assert.deepEqual(spool.objects.names(), []);
  });

  it('leaves what is no carrier as it is, says so, and goes past it', async () => {
    const spool = startSpool();
    const objects = spool.objects.connect();
    await objects.put('spool/a.json', Buffer.from('not JSON'));
    await spool.put('b', { queue: 'unheard of', due_ms: 1, data: {} });
    await spool.put('c', { ...record(3), more: 'than this version knows' });
    // A project's own, from before.
    for (let index = 0; index < 3 * maxSweptPage; index += 1)
      await objects.put(`spool/c/${index}`, Buffer.of(1));
    await spool.put('z', record(3));
    const before = spool.objects.names();
    assert.equal(await spool.sweep(), 1);
    assert.deepEqual(
      spool.objects.names(),
      before.filter((name) => name !== 'spool/z.json'),
    );
    assert.equal(spool.log.filter(({ severity }) => severity === 'ERROR').length, 3);
  });

  it('brings a carrier through the flush like any other, a copy of it too', async () => {
    const pipeline = startPipeline();
    const events = [1, 2, 3].map((uid) => response('t', startMs, uid));
    const packed = await packLines(events.map((event) => JSON.stringify(event)));
    const data = carrierToWire(carrierOf({ schema: 1, dueMs: startMs, count: 3, packed }));
    assert.deepEqual(await keysIn(data, pipeline.objects), events.map(eventKey));
    const spooled = Buffer.from(JSON.stringify({ queue: 'flush', due_ms: startMs, data }));
    for (const copy of ['a', 'b']) await pipeline.objects.connect().put(`spool/${copy}.json`, spooled);
    const queues = { flush: pipeline.tasks.connect('flush'), expire: pipeline.tasks.connect('expire') };
    await sweepSpool({
      objects: pipeline.objects.connect(),
      queues,
      clock: pipeline.clock,
      logger: memoryLogger(),
    });
    await pipeline.tick();
    assert.equal(pipeline.task('t')?.['response_count'], 3);
    assert.equal(pipeline.documents.writes, 1);
  });
});
