import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { maxCarrierBytes } from '../../functions/src/events/carrier.ts';
import { type Event, eventKey } from '../../functions/src/events/event.ts';
import { startMs } from '../support/clock.ts';
import { created, response } from '../support/events.ts';
import { operation } from '../support/operations.ts';
import { keysIn, sentBytes } from '../support/pipeline.ts';
import { runs } from '../support/runs.ts';
import { bulky, type Staging, startStaging } from './support.ts';

const unavailable = { name: 'AppError', code: 'unavailable' };

/** Stages requests at the same time; resolves to how each ended. */
async function stage({ stager, clock }: Staging, ...requests: Event[][]): Promise<string[]> {
  const outcomes = Promise.allSettled(requests.map((events) => stager.stage(events)));
  await clock.advance(20);
  return (await outcomes).map(({ status }) => status);
}

const small = (uid: number): Event[] => [response('t', startMs, uid)];
const keys = (events: readonly Event[]): string[] => events.map(eventKey);

describe('staging', () => {
  it('puts the events of concurrent requests into one carrier, due at the next tick', async () => {
    const staging = startStaging();
    const requests = [small(1), [created('u', startMs + 5), ...small(2)], small(3)];
    assert.deepEqual(await stage(staging, ...requests), Array(3).fill('fulfilled'));
    assert.deepEqual(await staging.carriers(), [requests.flatMap(keys)]);
    const [task] = staging.tasks.put;
    assert.equal(task?.dueMs, startMs + 5_000);
    assert.deepEqual([task?.data['count'], task?.data['due_ms']], [4, startMs + 5_000]);
    assert.equal(task?.data['oldest'], requests[0]?.[0]?.stamp);
    assert.equal(staging.clock.pendingTimers, 1, 'only the delivery');
  });

  it('says of a carrier with an operation that older code must leave it, wherever its contents are', async () => {
    const staging = startStaging();
    await stage(staging, small(1));
    await stage(staging, small(1), [operation('things/1', startMs, 'delete')]);
    await stage(staging, [
      operation('things/1', startMs, 'set', { a: randomBytes(80_000).toString('base64') }),
    ]);
    assert.deepEqual(
      staging.tasks.put.map(({ data }) => [data['schema'], data['object'] !== undefined]),
      [
        [1, false],
        [2, false],
        [2, true],
      ],
    );
  });

  it('acknowledges only what is durable', async () => {
    const staging = startStaging();
    let isDone = false;
    const staged = staging.stager.stage(small(1)).then(() => {
      isDone = true;
    });
    await staging.clock.advance(19);
    assert.deepEqual([isDone, staging.tasks.put.length], [false, 0]);
    await staging.clock.advance(1);
    await staged;
    assert.equal(staging.tasks.put.length, 1);
  });

  it('of nothing is done at once', async () => {
    const staging = startStaging();
    await staging.stager.stage([]);
    assert.deepEqual(staging.calls, []);
  });

  it('splits what is too much for one carrier, no request across two', async () => {
    const staging = startStaging();
    const requests = Array.from({ length: 7 }, (_, uid) => [bulky('t', uid, 12_000), bulky('u', uid, 500)]);
    assert.deepEqual(await stage(staging, ...requests), Array(7).fill('fulfilled'));
    const carriers = await staging.carriers();
    assert.ok(carriers.length > 1);
    assert.deepEqual(carriers.flat().toSorted(), requests.flatMap(keys).toSorted());
    for (const request of requests.map(keys)) {
      assert.ok(carriers.some((carrier) => request.every((key) => carrier.includes(key))));
    }
  });

  it('puts a request that fits no carrier into an object, and the carrier points there', async () => {
    const staging = startStaging();
    const request = Array.from({ length: 5 }, (_, uid) => bulky('t', uid, 20_000));
    assert.deepEqual(await stage(staging, request, small(9)), ['fulfilled', 'fulfilled']);
    const [body, ...others] = staging.objects.names();
    assert.match(body ?? '', /^bodies\/carriers\//);
    assert.deepEqual(others, []);
    assert.equal(staging.objects.customTimeMs(body ?? ''), startMs);
    const carriers = await staging.carriers();
    assert.deepEqual(carriers.toSorted(), [keys(request), keys(small(9))].toSorted());
    assert.ok(staging.tasks.put.some(({ data }) => data['object'] === body && data['count'] === 5));
  });

  it('never sends more than a carrier may have, and every request whole (any sizes) @slow', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.integer({ min: 10, max: 30_000 }), { minLength: 1, maxLength: 4 }), {
          minLength: 1,
          maxLength: 12,
        }),
        async (sizes) => {
          const staging = startStaging();
          let uid = 0;
          const requests = sizes.map((request) =>
            request.map((bytes) => {
              uid += 1;
              return bulky('t', uid, bytes);
            }),
          );
          assert.deepEqual(
            await stage(staging, ...requests),
            requests.map(() => 'fulfilled'),
          );
          for (const { data } of staging.tasks.put) assert.ok(sentBytes(data) <= maxCarrierBytes);
          const carriers = await staging.carriers();
          assert.deepEqual(carriers.flat().toSorted(), requests.flatMap(keys).toSorted());
          for (const request of requests.map(keys)) {
            const holding = carriers.filter((carrier) => request.some((key) => carrier.includes(key)));
            assert.equal(holding.length, 1);
          }
        },
      ),
      runs(30),
    );
  });

  it('puts a large body into an object of its own, and keeps small ones where they are', async () => {
    const staging = startStaging({ responseInlineMaxBytes: 100 });
    const exact = response('t', startMs, 1, { response_data: 'x'.repeat(98) });
    const larger = response('t', startMs, 2, { response_data: 'x'.repeat(99) });
    const wide = response('t', startMs, 3, { response_data: 'ü'.repeat(50) });
    assert.deepEqual(await stage(staging, [exact, larger, wide]), ['fulfilled']);
    const bodies = staging.objects.names();
    assert.deepEqual(
      bodies.map((name) => staging.objects.objects.get(name)?.bytes.toString('utf8')).toSorted(),
      [JSON.stringify('x'.repeat(99)), JSON.stringify('ü'.repeat(50))].toSorted(),
    );
    assert.ok(bodies.every((name) => name.startsWith('bodies/responses/')));
    assert.ok(bodies.every((name) => staging.objects.customTimeMs(name) === startMs));
  });
});

describe('staging while services fail', () => {
  it('goes to the spool while Cloud Tasks refuses', async () => {
    const staging = startStaging();
    staging.decide = (operation) => (operation.startsWith('tasks.put') ? 'failed' : 'done');
    assert.deepEqual(await stage(staging, small(1), small(2)), ['fulfilled', 'fulfilled']);
    const [spooled, ...others] = staging.objects.json('spool/');
    assert.deepEqual(others, []);
    assert.deepEqual([spooled?.['queue'], spooled?.['due_ms']], ['flush', startMs + 5_000]);
    const data = spooled?.['data'] as Record<string, unknown>;
    assert.deepEqual(await keysIn(data, staging.objects), [...small(1), ...small(2)].map(eventKey));
  });

  it('refuses all of a group while both refuse', async () => {
    const staging = startStaging();
    staging.decide = () => 'failed';
    const requests = [small(1), small(2)].map((events) => staging.stager.stage(events));
    const outcomes = Promise.allSettled(requests);
    await staging.clock.advance(20);
    await outcomes;
    for (const request of requests) await assert.rejects(request, unavailable);
    assert.equal(staging.clock.pendingTimers, 0);
  });

  it('refuses a request whose bodies cannot be stored, and no other', async () => {
    const staging = startStaging({ responseInlineMaxBytes: 100 });
    staging.decide = (operation) => (operation.includes('bodies/') ? 'failed' : 'done');
    assert.deepEqual(await stage(staging, [bulky('t', 1, 200)], small(2)), ['rejected', 'fulfilled']);
    assert.deepEqual(await staging.carriers(), [keys(small(2))]);
  });

  it('fails carrier by carrier', async () => {
    const staging = startStaging();
    let puts = 0;
    staging.decide = (operation) => {
      puts += operation.startsWith('tasks.put') ? 1 : 0;
      const isSecond = operation.startsWith('tasks.put') && puts === 2;
      return isSecond || operation.includes('spool/') ? 'failed' : 'done';
    };
    const requests = [1, 2, 3, 4].map((uid) => [bulky('t', uid, 20_000)]);
    const outcomes = await stage(staging, ...requests);
    const kept = requests.filter((_, index) => outcomes[index] === 'fulfilled').flatMap(keys);
    assert.ok(kept.length > 0 && kept.length < 4);
    assert.deepEqual((await staging.carriers()).flat().toSorted(), kept.toSorted());
  });

  it('acknowledges what Cloud Tasks took although its answer was lost, through the spool', async () => {
    const staging = startStaging();
    staging.decide = (operation) => (operation.startsWith('tasks.put') ? 'lost' : 'done');
    assert.deepEqual(await stage(staging, small(1)), ['fulfilled']);
    assert.equal(staging.tasks.put.length, 1);
    assert.equal(staging.objects.names('spool/').length, 1);
  });

  it('ends within 8 s, whatever hangs', async () => {
    for (const hanging of ['tasks.put', 'objects.put']) {
      const staging = startStaging({ responseInlineMaxBytes: 100 });
      staging.decide = (operation) => (operation.startsWith(hanging) ? 'died before' : 'done');
      let isOver = false;
      const staged = staging.stager.stage([bulky('t', 1, 200)]).finally(() => {
        isOver = true;
      });
      const refused = assert.rejects(staged, unavailable);
      await staging.clock.advance(7_999);
      assert.equal(isOver, false);
      await staging.clock.advance(1);
      await refused;
      assert.equal(staging.clock.pendingTimers, 0);
    }
  });

  it('refuses what its buffer does not hold @slow', async () => {
    const staging = startStaging({ responseInlineMaxBytes: 20_000_000 });
    const large = (uid: number): Event[] => [
      response('t', startMs, uid, { response_data: 'x'.repeat(16_000_000) }),
    ];
    staging.decide = () => 'died before';
    const requests = Array.from({ length: 5 }, (_, uid) => staging.stager.stage(large(uid)));
    const outcomes = Promise.allSettled(requests);
    await assert.rejects(requests[4] ?? Promise.resolve(), { name: 'AppError', retryAfterSeconds: 1 });
    await staging.clock.advance(8_000);
    await outcomes;
  });
});

describe('the circuit breaker of Cloud Tasks', () => {
  it('opens after three failures, tries again after 10 s, and closes on success', async () => {
    const staging = startStaging();
    const attempts = (): number => staging.calls.filter((call) => call.startsWith('tasks.put')).length;
    staging.decide = (operation) => (operation.startsWith('tasks.put') ? 'failed' : 'done');
    for (let uid = 0; uid < 5; uid += 1) await stage(staging, small(uid));
    assert.equal(attempts(), 3);
    assert.equal(staging.objects.names('spool/').length, 5);

    await staging.clock.advance(10_000);
    await stage(staging, small(5));
    await stage(staging, small(6));
    assert.equal(attempts(), 4);

    await staging.clock.advance(10_000);
    staging.decide = () => 'done';
    await stage(staging, small(7));
    await stage(staging, small(8));
    assert.equal(attempts(), 6);
    assert.equal(staging.tasks.put.length, 2);
    assert.equal(staging.objects.names('spool/').length, 7);
  });
});
