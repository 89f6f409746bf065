import assert from 'node:assert/strict';
import { Firestore } from '@google-cloud/firestore';
import { status } from '@grpc/grpc-js';
import type { LogEntry } from '../../local/shared/log.ts';
import { type LocalStack, startStack } from '../../local/stack.ts';

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
  const entries: LogEntry[] = [];
  let stack: LocalStack;
  let firestore: Firestore;

  before(async () => {
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

  after(async () => {
    await firestore.terminate();
    await stack.close();
  });

  async function call(path: string, body?: object): Promise<Record<string, unknown>> {
    const answer = await fetch(`${stack.urls.hosting}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { 'x-api-key': stack.keys['admin'] ?? '', 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
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

  const logged = (message: string): boolean => entries.some((entry) => entry.message === message);

  it('stop at the daily budget, say so, accept on, and write the rest after the reset', async () => {
    await accept(0, documents);
    await stack.advance(2 * minuteMs);
    const before = await written();
    assert.ok(before >= budget * 0.7, `${before} written`);
    assert.ok(stack.usage().firestore.writes <= budget, `${stack.usage().firestore.writes} writes`);

    const { backlog } = await call('/v1/status?detail=true');
    const { parked_since, parked_until, parked_reason, queued_carriers } = backlog as Record<string, string>;
    assert.equal(parked_reason, 'daily_writes');
    const resetMs = Date.parse(parked_until ?? '');
    assert.ok(resetMs > stack.now() && resetMs <= stack.now() + 2 * hourMs, parked_until);
    const since = Date.parse(parked_since ?? '');
    assert.ok(since > stack.now() - 3 * minuteMs && since <= stack.now(), parked_since);
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
    await stack.advance(resetMs - stack.now() - 1_000);
    assert.equal(await written(), before);
    assert.ok(
      stack.usage().firestore.writes <= budget,
      `${stack.usage().firestore.writes} writes in the day`,
    );
    const writesBefore = stack.usage().firestore.writes;
    await stack.advance(minuteMs);
    assert.equal(await written(), documents + 10);
    assert.ok(stack.usage().firestore.writes - writesBefore <= budget);
    const after = (await call('/v1/status'))['backlog'] as Record<string, unknown>;
    assert.deepEqual([after['parked_reason'], after['parked_since']], [null, null]);
  });

  it('go slower where Firestore says that it is exhausted, and recover by themselves', async () => {
    await accept(1_000, 1);
    await stack.advance(minuteMs);
    const exhausted = { code: status.RESOURCE_EXHAUSTED, method: 'Commit', phase: 'before' as const };
    stack.addFault({ service: 'firestore', rate: 1, forMs: 2 * minuteMs, ...exhausted });
    const from = entries.length;
    await accept(1_001, 1);
    await stack.advance(2 * minuteMs);
    const sinceFault = entries.slice(from).map(({ message }) => message);
    assert.ok(sinceFault.includes('EMERGENCY THROTTLING ENABLED'), sinceFault.join('\n'));
    assert.ok(sinceFault.some((message) => /^Throttling writes operation for \d+ seconds$/.test(message)));
    await stack.advance(2 * minuteMs);
    for (let index = 2; index < 5; index += 1) {
      await accept(1_000 + index, 1);
      await stack.advance(minuteMs);
    }
    assert.equal(await written(), documents + 15);
    assert.ok(logged('THROTTLING DISABLED'));
  });
});
