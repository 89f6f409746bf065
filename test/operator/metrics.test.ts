import assert from 'node:assert/strict';
import type { FolderTotals } from '../../functions/src/files/figures.ts';
import { folders } from '../../functions/src/files/fileId.ts';
import { openMetrics, openMetricsContentType } from '../../functions/src/operator/metrics.ts';
import type { Status } from '../../functions/src/operator/status.ts';
import { statusRoutes } from '../../functions/src/operator/statusRoutes.ts';
import { QuotaDays } from '../../functions/src/quota/day.ts';
import { emptyLedger } from '../../functions/src/quota/ledgerState.ts';
import { quotaReport } from '../../functions/src/quota/report.ts';
import { type Backend, startBackend } from '../support/api.ts';
import { startMs } from '../support/clock.ts';
import { response } from '../support/events.ts';
import { unreadableQuota } from '../support/quota.ts';
import { type QueueHarness, startQueue, statusConfig } from './support.ts';

const unknown: Status = {
  response_aggregator: {
    ...{ buffered_tasks: null, buffered_responses: null, tasks_in_buffer: null },
    ...{ buffer_timeout: 60, min_responses_to_flush: 3 },
  },
  batch_manager: {
    ...{ set: null, update: null, delete: null, total_buffered_operations: null },
    ...{ buffer_size_limit: 100, flush_interval: 30, last_flush: null, time_since_last_flush: null },
  },
  file_manager: {
    ...{ local_storage: null, firestore_files: null, total_files: null, total_bytes: null, as_of: null },
  },
  quota_monitor: {
    ...{ current_usage: null, quota_limits: null, rate_limits: null, throttling: null, warnings: null },
    ...{ errors: null, last_reset: null, time_since_last_reset: null, history: null },
    instance_operations: { since: null, by_cause: {} },
  },
  backlog: {
    ...{ queued_carriers: null, unreadable_carriers: null, oldest_event_age_seconds: null },
    ...{
      next_dispatch_at: null,
      parked_until: null,
      parked_since: null,
      parked_reason: null,
      is_exact: false,
    },
  },
  dead_letters: { count: null, is_exact: false },
};

const days = new QuotaDays('UTC');
const day = { id: '2026-01-01', startMs, endMs: startMs + 86_400_000 };
const limits = {
  quotaPerSecond: { writes: 1000, reads: 10_000, deletes: 500 },
  rates: { writes: 800, reads: 8000, deletes: 400 },
  perMinute: { writes: 50_000, reads: 500_000, deletes: 25_000 },
  daily: { writes: 20_000, reads: 0, deletes: 0 },
};
const operations = { writes: 3, reads: 2, deletes: 1 };

describe('openMetrics', () => {
  it('has no sample of what is not known, and ends as the format asks', () => {
    assert.equal(openMetrics(unknown), '# EOF\n');
  });

  it('has the queue, dead letters and files', () => {
    const lines = openMetrics({
      ...unknown,
      backlog: {
        ...unknown.backlog,
        ...{
          queued_carriers: 7,
          next_dispatch_at: '2026-01-01T00:00:01.500Z',
          parked_reason: 'daily_writes',
        },
      },
      dead_letters: { count: 2, is_exact: true },
      file_manager: {
        ...unknown.file_manager,
        local_storage: Object.fromEntries(
          folders.map((folder, index) => [folder, { files: index, bytes: 4096 }]),
        ) as FolderTotals,
        firestore_files: 5,
      },
    }).split('\n');

    for (const line of [
      '# TYPE sluice_queue_carriers gauge',
      'sluice_queue_carriers 7',
      '# UNIT sluice_queue_next_dispatch_timestamp_seconds seconds',
      'sluice_queue_next_dispatch_timestamp_seconds 1767225601.5',
      'sluice_queue_parked{reason="paused"} 0',
      'sluice_queue_parked{reason="daily_writes"} 1',
      'sluice_dead_letters 2',
      'sluice_files{folder="user_audio"} 1',
      'sluice_files_size_bytes{folder="temp"} 4096',
      'sluice_firestore_files 5',
    ])
      assert.ok(lines.includes(line), line);
    assert.ok(!lines.some((line) => line.startsWith('sluice_firestore_operations')), 'the ledger is unknown');
  });

  it('has use and limits of Firestore from the ledger, a budget only where there is one', () => {
    const empty = emptyLedger(day.id);
    const used = {
      today: operations,
      total: operations,
      byPurpose: { 'a "b"\\\n': operations },
      minutes: [],
    };
    const history = { ...empty.history, total: { responses: 7, carriers: 2 } };
    const report = quotaReport({ ...empty, charged: operations, used, history }, day, limits, startMs, days);

    const lines = openMetrics({
      ...unknown,
      quota_monitor: { ...report, instance_operations: unknown.quota_monitor.instance_operations },
    }).split('\n');

    for (const line of [
      '# TYPE sluice_firestore_operations counter',
      'sluice_firestore_operations_total{operation="writes"} 3',
      'sluice_firestore_operations_today{purpose="a \\"b\\"\\\\\\n",operation="deletes"} 1',
      'sluice_firestore_charged_today{operation="writes"} 3',
      'sluice_firestore_daily_budget{operation="writes"} 20000',
      'sluice_firestore_rate_limit{operation="reads"} 8000',
      'sluice_quota_throttle_multiplier 1',
      '# TYPE sluice_written counter',
      'sluice_written_total{kind="responses"} 7',
      'sluice_written_total{kind="files"} 0',
      'sluice_carriers_total 2',
      'sluice_polls_total 0',
    ])
      assert.ok(lines.includes(line), line);
    assert.ok(!lines.some((line) => line.startsWith('sluice_firestore_daily_budget{operation="reads"')));
  });
});

describe('GET /metrics', () => {
  let backend: Backend;
  let queue: QueueHarness;

  beforeEach(async () => {
    backend = await startBackend();
    queue = await startQueue(backend.clock, backend.faults);
  });

  afterEach(async () => {
    await queue.close();
    await backend.close();
  });

  it('answers from the memory of the status, for read and admin keys', async () => {
    const { clock, logger, meter } = backend;
    const api = await backend.serve(
      statusRoutes({
        projectId: 'demo',
        files: { read: () => Promise.reject(new Error('not asked for here')) },
        queueControl: queue.control,
        objects: backend.objects.connect(),
        ...{ clock, logger, meter, quota: unreadableQuota, config: statusConfig },
      }),
    );
    await queue.putEvents(response('t1', startMs, 1));
    queue.tasks.resetUsage();

    await api.get('/v1/status');
    const answer = await api.get('/metrics');

    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('content-type'), openMetricsContentType);
    assert.match(answer.text, /^sluice_queue_carriers 1$/m);
    assert.match(answer.text, /# EOF\n$/);
    assert.deepEqual(queue.tasks.usage(), { operations: 1 }, 'the status asked, the metrics did not');
    assert.equal((await api.get('/metrics', 'miner-key')).status, 403);
  });
});
