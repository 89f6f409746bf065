import assert from 'node:assert/strict';
import { carrierFromWire } from '../../functions/src/events/carrierReader.ts';
import { stampCeiling } from '../../functions/src/events/stamp.ts';
import { type ControlRoutesOptions, controlRoutes } from '../../functions/src/operator/controlRoutes.ts';
import { resumeIfDue } from '../../functions/src/operator/pause.ts';
import { statusRoutes } from '../../functions/src/operator/statusRoutes.ts';
import type { ObjectStore } from '../../functions/src/platform/objects.ts';
import { Outbox } from '../../functions/src/staging/outbox.ts';
import { type Api, type Backend, startBackend, until } from '../support/api.ts';
import { startMs } from '../support/clock.ts';
import { response } from '../support/events.ts';
import { countingIds } from '../support/ids.ts';
import { unreadableQuota } from '../support/quota.ts';
import { type QueueHarness, startQueue, statusConfig } from './support.ts';

const dayMs = 86_400_000;
const settledMs = 1300;

let backend: Backend;
let queue: QueueHarness;
let objects: ObjectStore;
let api: Api;

async function start(): Promise<void> {
  backend = await startBackend();
  queue = await startQueue(backend.clock, backend.faults);
  objects = backend.objects.connect();
  api = await serveControl({});
}

async function stop(): Promise<void> {
  await queue.close();
  await backend.close();
}

function serveControl(changes: Partial<ControlRoutesOptions>): Promise<Api> {
  const { clock, logger } = backend;
  const queues = { flush: queue.queue, expire: { put: async () => undefined } };
  const outbox = new Outbox({ queues, objects, clock, ids: countingIds(), logger });
  const options = { outbox, objects, queueControl: queue.control, clock, logger, tickMs: 5000, ...changes };
  return backend.serve(controlRoutes(options));
}

describe('POST /v1/flush', () => {
  beforeEach(start);
  afterEach(stop);

  /** Carriers that are queued, as they would be delivered. */
  async function queued() {
    return (await queue.control.list(100)).tasks.map(({ data }) => carrierFromWire(data));
  }

  it('sends a carrier, due now, that makes all that was accepted before ready', async () => {
    await queue.control.pause();
    backend.clock.moveTo(1234);

    const { status, json } = await api.post('/v1/flush');

    assert.equal(status, 202);
    assert.deepEqual(json, { requested_at: '2026-01-01T00:00:01.234Z' });
    const [carrier, ...others] = await queued();
    assert.deepEqual(others, []);
    assert.equal(carrier?.dueMs, startMs + 1234);
    assert.equal(carrier?.flushBefore, stampCeiling(startMs + 1234));
    assert.equal(carrier?.count, 0);
  });

  it('is refused, and asks for nothing, where it is not clear whether to wait', async () => {
    const { status, json } = await api.post('/v1/flush?wait=maybe');
    assert.equal(status, 400);
    assert.match(String(json['detail']), /wait: expected true or false, got "maybe"/);
    assert.deepEqual(await queued(), []);
    assert.equal((await api.post('/v1/flush?wait=')).status, 202);
  });

  it('waits until nothing that was accepted before is queued', async () => {
    await queue.control.pause();
    await queue.putEvents(response('t1', startMs, 1));
    const answer = api.post('/v1/flush?wait=true');
    await until(() => backend.clock.timersAt(settledMs) === 1);
    backend.clock.moveTo(settledMs);
    await until(() => backend.clock.timersAt(5000 + settledMs) === 1);
    // The flush: both carriers are gone; what came later waits on.
    queue.tasks.purge();
    await queue.putEvents(response('t1', startMs + 1, 2));
    backend.clock.moveTo(5000 + settledMs);

    const { status, json } = await answer;

    assert.equal(status, 200);
    assert.deepEqual(json, {
      requested_at: '2026-01-01T00:00:00.000Z',
      done: true,
      remaining: 0,
      due_by: null,
    });
  });

  it('tells what remains when its time is over', async () => {
    await queue.control.pause();
    await queue.putEvents(response('t1', startMs, 1), response('t2', startMs, 1));
    const answer = api.post('/v1/flush?wait=true');
    for (const atMs of [1300, 6300, 11_300, 16_300, 21_300]) {
      await until(() => backend.clock.timersAt(atMs) === 1);
      backend.clock.moveTo(atMs);
    }

    const { status, json } = await answer;

    assert.equal(status, 202);
    assert.equal(json['done'], false);
    assert.equal(json['remaining'], 2);
    assert.equal(json['due_by'], '2026-01-01T01:00:00.000Z');
    assert.deepEqual(queue.dispatched, [], 'a pause is kept');
  });

  it('has carriers dispatched that wait for a later time, each once and at most 50', async () => {
    for (let uid = 0; uid < 60; uid += 1) await queue.putEvents(response('t', startMs, uid));
    await queue.putEvents(response('later', startMs + 60_000, 1));
    const answer = api.post('/v1/flush?wait=true');
    for (const atMs of [1300, 6300, 11_300, 16_300, 21_300]) {
      await until(() => backend.clock.timersAt(atMs) >= 1);
      backend.clock.moveTo(atMs);
    }
    const { json } = await answer;
    assert.equal(queue.dispatched.length, 50);
    assert.deepEqual([json['done'], json['remaining']], [false, 10]);
    assert.equal(
      (await queue.control.list(100)).tasks.length,
      10 + 2,
      'the request and what came later, too',
    );
  });

  it('is not done while carriers wait in the spool', async () => {
    await queue.control.pause();
    await objects.put('spool/one.json', Buffer.from('{}'));
    const answer = api.post('/v1/flush?wait=true');
    await until(() => backend.clock.timersAt(settledMs) === 1);
    queue.tasks.purge();
    for (const atMs of [1300, 6300, 11_300, 16_300, 21_300]) {
      await until(() => backend.clock.timersAt(atMs) === 1);
      backend.clock.moveTo(atMs);
    }

    assert.equal((await answer).json['done'], false);
  });

  it('says that it does not know where the queue cannot be listed', async () => {
    const inEmulator = await serveControl({ queueControl: undefined });

    const { status, json } = await inEmulator.post('/v1/flush?wait=true');

    assert.equal(status, 202);
    assert.equal(json['done'], null);
    assert.equal(json['remaining'], null);
    assert.equal(json['due_by'], null);
  });

  it('goes through the spool while Cloud Tasks is down', async () => {
    backend.faults.add({ service: 'tasks', code: 13, rate: 1, forMs: 1000, phase: 'before' });

    assert.equal((await api.post('/v1/flush')).status, 202);
    assert.equal(backend.objects.names('spool/').length, 1);
  });

  it('is for admin keys only', async () => {
    for (const key of ['read-key', 'ingest-key', 'miner-key']) {
      assert.equal((await api.post('/v1/flush', undefined, key)).status, 403);
    }
  });
});

describe('POST /v1/queue/pause and /resume', () => {
  beforeEach(start);
  afterEach(stop);

  const sweep = () =>
    resumeIfDue({ objects, queueControl: queue.control, clock: backend.clock, logger: backend.logger });

  it('pauses the queue until sweep finds the time over', async () => {
    const { status, json } = await api.post('/v1/queue/pause', { until: '2026-01-01T06:00:00+02:00' });
    assert.equal(status, 200);
    assert.deepEqual(json, { paused: true, until: '2026-01-01T04:00:00.000Z' });
    assert.equal(await queue.isPaused(), true);

    backend.clock.moveTo(4 * 3_600_000 - 1);
    assert.equal(await sweep(), false);
    assert.equal(await queue.isPaused(), true);
    backend.clock.moveTo(4 * 3_600_000);
    assert.equal(await sweep(), true);
    assert.equal(await queue.isPaused(), false);
    assert.equal(await sweep(), false, 'once');
  });

  it('is shown in the status', async () => {
    const { clock, logger, meter } = backend;
    const routes = statusRoutes({
      projectId: 'demo',
      files: { read: () => Promise.reject(new Error('not asked for here')) },
      queueControl: queue.control,
      ...{ objects, clock, logger, meter },
      quota: unreadableQuota,
      config: statusConfig,
    });
    const reading = await backend.serve(routes);
    await api.post('/v1/queue/pause', { until: '2026-01-02T00:00:00Z' });

    const { json } = await reading.get('/v1/status');

    const backlog = json['backlog'] as Record<string, unknown>;
    assert.equal(backlog['parked_until'], '2026-01-02T00:00:00.000Z');
    assert.equal(backlog['parked_reason'], 'paused');
    assert.equal(backlog['next_dispatch_at'], '2026-01-02T00:00:00.000Z');
  });

  it('resumes on request, and leaves nothing for sweep', async () => {
    await api.post('/v1/queue/pause', { until: '2026-01-02T00:00:00Z' });

    const { status, json } = await api.post('/v1/queue/resume');

    assert.equal(status, 200);
    assert.deepEqual(json, { paused: false });
    assert.equal(await queue.isPaused(), false);
    assert.equal(await sweep(), false);
    assert.equal((await api.post('/v1/queue/resume')).status, 200, 'a queue that runs may be resumed');
  });

  it('takes an end in the next 20 days and no other', async () => {
    const iso = (ms: number) => new Date(startMs + ms).toISOString();
    for (const body of [
      {},
      { until: iso(0) },
      { until: iso(-1) },
      { until: iso(20 * dayMs + 1) },
      { until: 'tomorrow' },
      { until: null },
      [],
      'x',
    ]) {
      assert.equal((await api.post('/v1/queue/pause', body)).status, 400, JSON.stringify(body));
    }
    assert.equal((await api.post('/v1/queue/pause')).status, 400);
    assert.equal(await queue.isPaused(), false);
    assert.equal((await api.post('/v1/queue/pause', { until: iso(20 * dayMs) })).status, 200);
  });

  it('never leaves a pause without an end', async () => {
    const withoutBucket = await serveControl({ objects: backend.objects.connect(() => 'failed') });

    assert.equal(
      (await withoutBucket.post('/v1/queue/pause', { until: '2026-01-02T00:00:00Z' })).status,
      503,
    );

    assert.equal(await queue.isPaused(), false);
  });

  it('ends a pause whose record cannot be read', async () => {
    await api.post('/v1/queue/pause', { until: '2026-01-10T00:00:00Z' });
    await objects.put('control/pause.json', Buffer.from('{"until":'));

    assert.equal(await sweep(), true);
    assert.equal(await queue.isPaused(), false);
  });

  it('answers 503 where there is no such control, and while Cloud Tasks is down', async () => {
    const inEmulator = await serveControl({ queueControl: undefined });
    assert.equal((await inEmulator.post('/v1/queue/resume')).status, 503);

    backend.faults.add({ service: 'tasks', code: 13, rate: 1, forMs: 1000, phase: 'before' });
    assert.equal((await api.post('/v1/queue/resume')).status, 503);
  });

  it('is for admin keys only', async () => {
    const body = { until: '2026-01-02T00:00:00Z' };
    assert.equal((await api.post('/v1/queue/pause', body, 'ingest-key')).status, 403);
    assert.equal((await api.post('/v1/queue/resume', undefined, 'read-key')).status, 403);
  });
});
