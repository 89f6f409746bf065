import assert from 'node:assert/strict';
import type { StatusOptions } from '../../functions/src/operator/status.ts';
import { healthRoutes, statusRoutes } from '../../functions/src/operator/statusRoutes.ts';
import { type Api, type Backend, startBackend } from '../support/api.ts';
import { startMs } from '../support/clock.ts';
import { created, response } from '../support/events.ts';
import { operation } from '../support/operations.ts';
import { unreadableQuota } from '../support/quota.ts';
import { type QueueHarness, startQueue, statusConfig } from './support.ts';

describe('GET /v1/status', () => {
  let backend: Backend;
  let queue: QueueHarness;
  let api: Api;

  beforeEach(async () => {
    backend = await startBackend();
    queue = await startQueue(backend.clock, backend.faults);
    api = await serveStatus({});
  });

  afterEach(async () => {
    await queue.close();
    await backend.close();
  });

  function serveStatus(changes: Partial<StatusOptions>): Promise<Api> {
    const { clock, logger, meter } = backend;
    const routes = statusRoutes({
      projectId: 'demo',
      files: { read: () => Promise.reject(new Error('not asked for here')) },
      queueControl: queue.control,
      objects: backend.objects.connect(),
      clock,
      logger,
      meter,
      quota: unreadableQuota,
      config: statusConfig,
      ...changes,
    });
    return backend.serve(routes);
  }

  it('tells each key its own role, though the figures are shared', async () => {
    const roleOf = async (key: string) => (await api.get('/v1/status', key)).json['caller'];
    assert.deepEqual(await roleOf('read-key'), { role: 'read' });
    assert.deepEqual(await roleOf('admin-key'), { role: 'admin' });
  });

  it('has the parts of the system it replaces, with null for what cannot be known', async () => {
    await queue.putEvents(created('t1', startMs));
    await backend.documents.read(['tasks/t1'], 'get_task');
    backend.billedReads();

    const { status, json } = await api.get('/v1/status');

    assert.equal(status, 200);
    assert.deepEqual(json, {
      response_aggregator: {
        buffered_tasks: null,
        buffered_responses: null,
        tasks_in_buffer: null,
        buffer_timeout: 60,
        min_responses_to_flush: 3,
      },
      batch_manager: {
        set: null,
        update: null,
        delete: null,
        total_buffered_operations: null,
        buffer_size_limit: 100,
        flush_interval: 30,
        last_flush: null,
        time_since_last_flush: null,
      },
      dead_letters: { count: 0, is_exact: true },
      file_manager: {
        local_storage: null,
        firestore_files: null,
        total_files: null,
        total_bytes: null,
        as_of: null,
      },
      quota_monitor: {
        current_usage: null,
        quota_limits: null,
        rate_limits: null,
        throttling: null,
        warnings: null,
        errors: null,
        history: null,
        last_reset: null,
        time_since_last_reset: null,
        instance_operations: {
          since: '2026-01-01T00:00:00.000Z',
          by_cause: { get_task: { reads: 1, writes: 0, deletes: 0 } },
        },
      },
      caller: { role: 'read' },
      project_id: 'demo',
      backlog: {
        queued_carriers: 1,
        unreadable_carriers: null,
        oldest_event_age_seconds: null,
        next_dispatch_at: '2026-01-01T01:00:00.000Z',
        parked_until: null,
        parked_since: null,
        parked_reason: null,
        is_exact: false,
      },
    });
    assert.equal(backend.billedReads(), 0, 'Firestore is not asked');
  });

  it('costs one Cloud Tasks operation, and none within 5 s', async () => {
    queue.tasks.resetUsage();

    await Promise.all([api.get('/v1/status'), api.get('/v1/status')]);
    backend.clock.moveTo(4999);
    await api.get('/v1/status');
    assert.deepEqual(queue.tasks.usage(), { operations: 1 });

    backend.clock.moveTo(5000);
    await api.get('/v1/status');
    assert.deepEqual(queue.tasks.usage(), { operations: 2 });
  });

  it('counts what is buffered with detail=true, each event once', async () => {
    const first = response('t1', startMs, 1);
    await queue.putEvents(created('t1', startMs + 500), first, response('t2', startMs + 1000, 1));
    await queue.putEvents(first, response('t1', startMs + 600, 2));
    backend.clock.moveTo(4000);

    const { json } = await api.get('/v1/status?detail=true');

    const aggregator = json['response_aggregator'] as Record<string, unknown>;
    assert.equal(aggregator['buffered_tasks'], 2);
    assert.equal(aggregator['buffered_responses'], 3);
    assert.deepEqual(aggregator['tasks_in_buffer'], ['t1', 't2']);
    const backlog = json['backlog'] as Record<string, unknown>;
    assert.equal(backlog['oldest_event_age_seconds'], 4);
    assert.equal(backlog['is_exact'], true);
  });

  it('counts buffered operations with detail=true', async () => {
    await queue.putEvents(
      operation('users/1', startMs, 'set', {}),
      operation('users/1', startMs + 1, 'update', { a: 1 }),
      operation('users/2', startMs + 2, 'update', { a: 1 }),
      created('t1', startMs),
    );
    const { json } = await api.get('/v1/status?detail=true');

    const batches = json['batch_manager'] as Record<string, unknown>;
    assert.deepEqual(
      ['set', 'update', 'delete', 'total_buffered_operations'].map((name) => batches[name]),
      [1, 2, 0, 3],
    );
    assert.equal((json['response_aggregator'] as Record<string, unknown>)['buffered_tasks'], 1);
  });

  it('counts dead letters at most once a minute while there are none, and each 5 s while somebody may see to them', async () => {
    const store = backend.objects.connect();
    const name = `dead-letters/${'1'.repeat(64)}.json`;
    const counted = async (atMs: number): Promise<unknown> => {
      backend.clock.moveTo(atMs);
      return (await api.get('/v1/status')).json['dead_letters'];
    };
    assert.deepEqual(await counted(0), { count: 0, is_exact: true });
    await store.put(name, Buffer.from('{}'));
    assert.deepEqual(await counted(54_000), { count: 0, is_exact: true });
    assert.deepEqual(await counted(60_000), { count: 1, is_exact: true });
    await store.delete(name);
    assert.deepEqual(await counted(65_000), { count: 0, is_exact: true });
  });

  it('says that its counts are not exact when a carrier cannot be opened', async () => {
    await queue.putEvents(response('t1', startMs, 1));
    await queue.queue.put({ schema: 99 }, startMs + 3_600_000);
    const dueMs = startMs + 3_600_000;
    await queue.putCarrier({ schema: 1, dueMs, count: 4, object: 'bodies/carriers/x' });
    await queue.putCarrier({ schema: 3, dueMs, count: 0, unreadSinceMs: startMs });

    const { json } = await api.get('/v1/status?detail=true');

    assert.equal((json['response_aggregator'] as Record<string, unknown>)['buffered_responses'], 1);
    const { is_exact, unreadable_carriers } = json['backlog'] as Record<string, unknown>;
    assert.deepEqual({ is_exact, unreadable_carriers }, { is_exact: false, unreadable_carriers: 2 });
  });

  it('answers 200 with nulls while Cloud Tasks fails, and without any control', async () => {
    backend.faults.add({ service: 'tasks', code: 13, rate: 1, forMs: 1000, phase: 'before' });
    const withoutControl = await serveStatus({ queueControl: undefined });

    for (const each of [api, withoutControl]) {
      const { status, json } = await each.get('/v1/status?detail=true');
      assert.equal(status, 200);
      assert.equal((json['backlog'] as Record<string, unknown>)['queued_carriers'], null);
      assert.equal((json['response_aggregator'] as Record<string, unknown>)['buffered_responses'], null);
    }
  });

  it('is for read and admin keys only', async () => {
    assert.equal((await api.get('/v1/status', 'miner-key')).status, 403);
    assert.equal((await api.get('/v1/status', 'admin-key')).status, 200);
  });
});

describe('GET /healthz and /health', () => {
  it('answer without a key and without any backend', async () => {
    const backend = await startBackend();
    try {
      const api = await backend.serve(healthRoutes());
      for (const path of ['/healthz', '/health']) {
        const { status, json } = await api.get(path, '');
        assert.equal(status, 200);
        assert.deepEqual(json, { status: 'ok' });
      }
    } finally {
      await backend.close();
    }
  });
});
