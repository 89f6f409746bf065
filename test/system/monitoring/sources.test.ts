import assert from 'node:assert/strict';
import { profiles } from '../../../functions/src/app/sizes.ts';
import { deployedId } from '../../../functions/src/config.ts';
import { noOperations } from '../../../functions/src/quota/operations.ts';
import { Throttle } from '../../../functions/src/quota/throttle.ts';
import { sweepSpool } from '../../../functions/src/staging/spool.ts';
import { timeSeriesRefusal } from '../../../local/google/monitoringFilters.ts';
import { monitoringFiles } from '../../../scripts/setup/monitoring.ts';
import { ManualClock, startMs } from '../../support/clock.ts';
import { response } from '../../support/events.ts';
import { lets } from '../../support/logFilter.ts';
import { type LogLine, memoryLogger } from '../../support/logger.ts';
import { MemoryObjects } from '../../support/objects.ts';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';

interface Condition {
  conditionMatchedLog?: { filter: string };
  conditionThreshold?: { filter: string };
  conditionPrometheusQueryLanguage?: { query: string };
}

const { metrics, policies } = monitoringFiles();

function conditionOf(label: string): Condition {
  const [policy] = policies.filter(({ userLabels }) => userLabels?.['sluice'] === label);
  return (policy?.conditions[0] ?? {}) as Condition;
}

/** Lines among these that the alert is about. */
function alerted(label: string, lines: readonly LogLine[], functionName: string): LogLine[] {
  const { filter = '' } = conditionOf(label).conditionMatchedLog ?? {};
  assert.notEqual(filter, '', label);
  return lines.filter((line) => lets(filter, line, functionName));
}

describe('what alerts and metrics look for', () => {
  let pipeline: Pipeline;
  beforeEach(() => {
    pipeline = startPipeline();
  });
  const logged = (label: string): LogLine[] => alerted(label, pipeline.log, 'flush');
  const metric = (name: string): LogLine[] => {
    const found = metrics.find((one) => one.name === `sluice/${name}`);
    return pipeline.log.filter((line) => lets(String(found?.['filter']), line, 'flush'));
  };

  it('is logged for an event that can never be applied, and for no other', async () => {
    await pipeline.accept([1, 2, 3].map((uid) => response('good', startMs, uid)));
    await pipeline.tick();
    assert.deepEqual([logged('dead-letters'), metric('dead_letters')], [[], []]);
    await pipeline.tasks
      .connect('flush')
      .put({ schema: 1, due_ms: startMs, count: 1, events: 'none' }, startMs);
    await pipeline.tick();
    assert.equal(logged('dead-letters').length, 1);
    assert.equal(metric('dead_letters').length, 1);
  });

  it('is logged with the age of the oldest event, once that is more than ten minutes', async () => {
    await pipeline.accept([response('t', startMs, 1)]);
    await pipeline.tick();
    assert.deepEqual(logged('oldest-event'), []);
    assert.equal(metric('oldest_event_age').length, 1);
    assert.equal(metric('events').length, 1);
    assert.equal(metric('written').length, 1);
    await pipeline.accept([response('u', startMs - 601_000, 1)]);
    await pipeline.tick();
    const [line] = logged('oldest-event');
    assert.ok(Number(line?.fields['oldest_event_age_seconds']) > 600);
  });

  it('is logged at 80 % of a day, not of a minute', () => {
    const logger = memoryLogger();
    const throttle = new Throttle({ logger, tickMs: 5_000, warn: () => undefined });
    const warning = { operationType: 'writes', current: 80, limit: 100, atMs: startMs } as const;
    for (const limitType of ['per_minute', 'per_day'] as const)
      throttle.learn({ chargedShare: noOperations, warnings: [{ ...warning, limitType }] }, startMs);
    const lines = alerted('daily-budget', logger.lines, 'flush');
    assert.deepEqual(
      lines.map(({ message }) => message),
      ['QUOTA WARNING writes per_day'],
    );
  });

  it('is logged by a sweep after which carriers stay in the spool, not by one that put all back', async () => {
    const logger = memoryLogger();
    const clock = new ManualClock();
    const objects = new MemoryObjects(clock);
    let isDown = false;
    const queue = { put: async () => (isDown ? Promise.reject(new Error('down')) : undefined) };
    const sweep = (): Promise<number> =>
      sweepSpool({ objects: objects.connect(), queues: { flush: queue, expire: queue }, clock, logger });
    const put = async (name: string, text: string): Promise<unknown> =>
      objects.connect().put(`spool/${name}.json`, Buffer.from(text));
    const carrier = JSON.stringify({ queue: 'flush', due_ms: startMs, data: { schema: 1 } });
    await put('a', carrier);
    await sweep();
    assert.deepEqual(alerted('spool', logger.lines, 'sweep'), []);
    isDown = true;
    await put('b', carrier);
    await put('c', 'of another version');
    await sweep();
    assert.deepEqual(
      alerted('spool', logger.lines, 'sweep').map(({ fields }) => fields),
      [{ carriers: 2, put_back: 0 }],
    );
  });

  it('is of Sluice’s functions and queues alone', () => {
    const line: LogLine = { severity: 'ERROR', message: 'Kept a dead letter', fields: {} };
    const { filter = '' } = conditionOf('dead-letters').conditionMatchedLog ?? {};
    for (const name of Object.keys(profiles['default'] ?? {})) assert.ok(lets(filter, line, name), name);
    assert.ok(!lets(filter.replace('^sluice-', '^other-'), line, 'flush'));
    const { query = '' } = conditionOf('not-dispatched').conditionPrometheusQueryLanguage ?? {};
    assert.equal(query.split(`queue_id="${deployedId('flush')}"`).length, 3);
  });

  it('is a metric that Cloud Tasks has, however it writes what 200, 401 and 403 are', () => {
    const { filter = '' } = conditionOf('dispatch-refused').conditionThreshold ?? {};
    assert.equal(timeSeriesRefusal(filter), undefined);
    const refused = /task_attempt_count".*response_code=monitoring.regex.full_match\("(.*?)"\)/.exec(
      filter,
    )?.[1];
    const { query = '' } = conditionOf('not-dispatched').conditionPrometheusQueryLanguage ?? {};
    const done = /response_code=~"(.*?)"/.exec(query)?.[1];
    const matched = (pattern = '', code = '') =>
      new RegExp(`^(?:${pattern.replace('(?i)', '')})$`, 'i').test(code);
    for (const code of ['permission_denied', 'PERMISSION_DENIED', '403', 'unauthenticated', '401'])
      assert.deepEqual([matched(refused, code), matched(done, code)], [true, false], code);
    for (const code of ['ok', 'OK', '200'])
      assert.deepEqual([matched(refused, code), matched(done, code)], [false, true], code);
    for (const code of ['unavailable', '503', 'not_found'])
      assert.deepEqual([matched(refused, code), matched(done, code)], [false, false], code);
  });
});
