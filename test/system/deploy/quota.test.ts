import assert from 'node:assert/strict';
import { Firestore } from '@google-cloud/firestore';
import { status } from '@grpc/grpc-js';
import type { LogEntry } from '../../../local/shared/log.ts';
import { type LocalStack, startStack } from '../../../local/stack.ts';
import { advanceUntil, whenServed } from '../../support/advance.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const budget = 400;
const documents = 500;

// Off the cloud, the client would look for a metadata server.
process.env['METADATA_SERVER_DETECTION'] ??= 'none';

/** A time zone in which the day ends in 15 to 75 minutes. In these names the sign is the other way round. */
function lateZone(): string {
  const now = new Date();
  const ahead = (now.getUTCMinutes() < 45 ? 23 : 22) - now.getUTCHours();
  const hours = ahead > 14 ? ahead - 24 : ahead;
  return `Etc/GMT${hours > 0 ? '-' : '+'}${Math.abs(hours)}`;
}

/** The built functions in the local stack, with a small budget of writes a day. */
describe('the built functions and the quota', function () {
  this.timeout(120_000);
  let entries: LogEntry[];
  let stack: LocalStack;
  let firestore: Firestore;

  beforeEach(async () => {
    entries = [];
    const log = (_: string, entry: LogEntry): void => {
      entries.push(entry);
    };
    const env = { DAILY_WRITES: String(budget), DAILY_TIME_ZONE: lateZone() };
    stack = await startStack({ ports: 'free', log, env });
    firestore = new Firestore({
      projectId: 'demo-sluice',
      host: stack.clientEnv['FIRESTORE_EMULATOR_HOST'] ?? '',
      ssl: false,
    });
  });

  afterEach(async () => {
    await firestore.terminate();
    await stack.close();
  });

  async function call(path: string, body?: object): Promise<Record<string, unknown>> {
    const answer = await whenServed(stack, () =>
      fetch(`${stack.urls.hosting}${path}`, {
        method: body === undefined ? 'GET' : 'POST',
        headers: { 'x-api-key': stack.keys['admin'] ?? '', 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    );
    assert.ok(answer.ok, `${path}: ${answer.status} ${await answer.clone().text()}`);
    return (await answer.json()) as Record<string, unknown>;
  }

  async function accept(from: number, count: number): Promise<void> {
    const operations = Array.from({ length: count }, (_, index) => ({
      ...{ type: 'set', path: `notes/n${from + index}`, data: { index } },
    }));
    assert.equal((await call('/v1/operations', { operations }))['accepted'], count);
  }

  async function written(): Promise<number> {
    return (await firestore.collection('notes').listDocuments()).length;
  }

  const within = (minutes: number, isSo: () => Promise<boolean> | boolean): Promise<void> =>
    advanceUntil(stack, isSo, { stepMs: minuteMs, steps: minutes });

  async function backlog(): Promise<Record<string, unknown>> {
    return (await call('/v1/status?detail=true'))['backlog'] as Record<string, unknown>;
  }

  const logged = (message: string): boolean => entries.some((entry) => entry.message === message);

  it('stop at the daily budget, say so, accept on, and write the rest after the reset', async () => {
    await accept(0, documents);
    await within(10, async () => (await backlog())['parked_reason'] === 'daily_writes');
    const before = await written();
    const { writes } = stack.usage().firestore;
    assert.ok(before < documents && writes > budget * 0.9 && writes <= budget, `${writes} writes`);

    const { parked_since, parked_until, queued_carriers } = (await backlog()) as Record<string, string>;
    const resetMs = Date.parse(parked_until ?? '');
    assert.ok(resetMs > stack.now() && resetMs <= stack.now() + 2 * hourMs, parked_until);
    const since = Date.parse(parked_since ?? '');
    assert.ok(since > stack.now() - 11 * minuteMs && since <= stack.now(), parked_since);
    assert.ok(Number(queued_carriers) >= 1);
    const { batch_manager } = await call('/v1/status?detail=true');
    const { total_buffered_operations: waiting } = batch_manager as Record<string, number>;
    assert.equal(waiting, documents - before, 'how many wait');
    const { warnings } = (await call('/v1/warnings')) as { warnings: Record<string, unknown>[] };
    const ofDay = warnings.filter(
      ({ operation_type, limit_type }) => `${operation_type} ${limit_type}` === 'writes per_day',
    );
    assert.equal(ofDay.length, 3, '80 %, 90 % and all of it');
    assert.equal(ofDay[0]?.['limit'], budget);
    assert.ok(logged('QUOTA WARNING writes per_day'));

    await accept(documents, 10);
    await stack.advance(resetMs - stack.now() - minuteMs);
    assert.ok((await written()) < documents);
    const { writes: inDay } = stack.usage().firestore;
    assert.ok(inDay <= budget, `${inDay} writes in the day`);
    await within(10, async () => (await written()) === documents + 10);
    assert.ok(stack.usage().firestore.writes - inDay <= budget);
    const after = await backlog();
    assert.deepEqual([after['parked_reason'], after['parked_since']], [null, null]);
  });

  it('go slower where Firestore says that it is exhausted, and recover by themselves', async () => {
    await accept(0, 1);
    await within(5, async () => (await written()) === 1);
    const exhausted = { code: status.RESOURCE_EXHAUSTED, method: 'Commit', phase: 'before' as const };
    stack.addFault({ service: 'firestore', rate: 1, forMs: hourMs, ...exhausted });
    await accept(1, 1);
    await within(10, () => logged('EMERGENCY THROTTLING ENABLED'));
    assert.ok(
      entries.some(({ message }) => /^Throttling writes operation for \d+ seconds$/.test(message)),
      'says how long',
    );
    assert.equal(await written(), 1);
    stack.clearFaults();
    await within(20, async () => (await written()) === 2);
    // An instance relaxes while it works; one without work has nothing to be slow at.
    for (let index = 2; index < 12 && !logged('THROTTLING DISABLED'); index += 1) {
      await accept(index, 1);
      await within(10, async () => (await written()) === index + 1);
    }
    assert.ok(logged('THROTTLING DISABLED'));
  });
});
