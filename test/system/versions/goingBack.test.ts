import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { carrierOf, carrierToWire } from '../../../functions/src/events/carrier.ts';
import type { Event } from '../../../functions/src/events/event.ts';
import { packEvents } from '../../../functions/src/staging/outbox.ts';
import { taskEvents } from '../../support/arbitraries.ts';
import { startMs } from '../../support/clock.ts';
import { operations } from '../../support/operations.ts';
import { startPipeline } from '../../support/pipeline.ts';
import { runs } from '../../support/runs.ts';
import { lostByFirstReader } from './firstReader.ts';
import { later } from './later.ts';
import { type Recording, record } from './recording.ts';

/** Carriers as they are sent. */
async function sent(events: readonly Event[]): Promise<Record<string, unknown>> {
  const carrier = carrierOf({ ...(await packEvents(events, events[0]?.stamp)), dueMs: startMs });
  return JSON.parse(JSON.stringify(carrierToWire(carrier))) as Record<string, unknown>;
}

/** An event as the first version would have written it. */
function withoutLater<E extends Event>(event: E): E {
  const names = ['minerKey', 'countsUnassigned', 'exact'];
  return Object.fromEntries(Object.entries(event).filter(([name]) => !names.includes(name))) as unknown as E;
}

describe('going back to the first version that was deployed', () => {
  it('opens all that itself could have written', async () => {
    await fc.assert(
      fc.asyncProperty(taskEvents('t'), operations('things/1'), async (drawn, document) => {
        const task = drawn.filter(({ kind }) => !['evaluated', 'erased'].includes(kind)).map(withoutLater);
        fc.pre(task.length > 0);
        for (const events of [task, [...task, ...document.map(withoutLater)]]) {
          const data = await sent(events);
          assert.ok(Number(data['schema']) <= 2);
          assert.deepEqual(lostByFirstReader(data, {}), []);
        }
      }),
      runs(50),
    );
  });

  it('never opens what it would lose something of, whatever event has one field more', async () => {
    const place = fc.constantFrom('event', 'response', 'body');
    await fc.assert(
      fc.asyncProperty(
        taskEvents('t'),
        fc.nat(),
        place,
        fc.stringMatching(/^[a-z]{1,8}$/),
        async (events, at, where, name) => {
          const changed = structuredClone(events);
          const event = changed[at % Math.max(1, changed.length)];
          if (event === undefined) return;
          const inside = event.kind === 'response' && where !== 'event' ? event.response : event;
          const target =
            where === 'body' && 'body' in inside && inside.body !== undefined ? inside.body : inside;
          if (!(name in target)) Object.assign(target, { [name]: 1 });
          assert.deepEqual(lostByFirstReader(await sent(changed), {}), []);
        },
      ),
      runs(200),
    );
  });

  it('finds nothing in the queues or the spool that it would lose something of', async () => {
    const { tasks, objects } = await record(later);
    const spooled = Object.entries(objects)
      .filter(([name]) => name.startsWith('spool/'))
      .map(
        ([, { base64 }]) => JSON.parse(Buffer.from(base64, 'base64').toString('utf8')) as { data: object },
      );
    for (const { data } of [...tasks, ...spooled]) {
      assert.deepEqual(lostByFirstReader(data as Record<string, unknown>, objects), []);
    }
  });

  it('finds none of that either in what the flush carries, books and puts aside', async () => {
    const pipeline = startPipeline();
    await pipeline.accept(later(startMs));
    await pipeline.clock.advance(2 * 3_600_000);
    assert.ok(pipeline.tasks.put.length > 2);
    for (const { data } of pipeline.tasks.put) assert.deepEqual(lostByFirstReader(data, {}), []);
  });

  it('reads what it wrote itself: its recording is judged as it was', () => {
    const text = readFileSync(join(import.meta.dirname, 'golden/1.json'), 'utf8');
    const { tasks, objects } = JSON.parse(text) as Recording;
    assert.deepEqual(
      tasks.flatMap(({ data }) => lostByFirstReader(data, objects)),
      [],
    );
    assert.ok(tasks.every(({ data }) => [1, 2].includes(Number(data['schema']))));
  });
});
