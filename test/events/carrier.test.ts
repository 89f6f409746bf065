import assert from 'node:assert/strict';
import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import {
  carrierBytes,
  carrierOf,
  carrierToWire,
  eventLine,
  foldText,
  packedCarrierBytes,
} from '../../functions/src/events/carrier.ts';
import {
  CorruptCarrier,
  carrierFromWire,
  eventsIn,
  maxCarrierUnfoldedBytes,
  UnknownCarrierVersion,
  unfold,
} from '../../functions/src/events/carrierReader.ts';
import { schemaOf } from '../../functions/src/events/carrierVersion.ts';
import { type Event, marked } from '../../functions/src/events/event.ts';
import { deadlineStamp } from '../../functions/src/events/stamp.ts';
import { parseWritten } from '../../functions/src/platform/json.ts';
import { taskEvents } from '../support/arbitraries.ts';
import { startMs } from '../support/clock.ts';
import { created, packLines, response, stampAt } from '../support/events.ts';
import { operation } from '../support/operations.ts';
import { runs } from '../support/runs.ts';

const packed = Buffer.from([3, 0]);
const carrier = carrierOf({ schema: 1, dueMs: startMs, count: 2, oldest: stampAt(startMs), packed });

const task = (): Event => created('t', startMs);

async function unpacked(lines: readonly string[]) {
  return eventsIn(await unfold(await packLines(lines)));
}

describe('carriers', () => {
  it('are read as they were written', () => {
    const flush = { schema: 1, dueMs: startMs, count: 0, flushBefore: stampAt(startMs) };
    const pointing = carrierOf({ schema: 2, dueMs: startMs, count: 2, object: 'bodies/carriers/1' });
    for (const each of [carrier, flush, pointing]) {
      const sent = JSON.parse(JSON.stringify(carrierToWire(each))) as unknown;
      assert.deepEqual(JSON.parse(JSON.stringify(carrierFromWire(sent))), JSON.parse(JSON.stringify(each)));
    }
  });

  it('count the bytes of what Cloud Tasks gets', () => {
    const body = JSON.stringify({ data: carrierToWire(carrier) });
    assert.equal(carrierBytes(carrier), Buffer.byteLength(body));
  });

  it('are known in size before they are made', () => {
    for (const bytes of [0, 1, 2, 3, 1_000]) {
      const header = { schema: 2, dueMs: startMs, count: 2, oldest: stampAt(startMs) };
      const parts = { ...header, packed: Buffer.alloc(bytes) };
      assert.equal(packedCarrierBytes(parts), carrierBytes(carrierOf(parts)));
    }
  });

  it('of another version are told from corrupt ones', () => {
    const wire = carrierToWire(carrier);
    assert.throws(() => carrierFromWire({ ...wire, schema: 4 }), UnknownCarrierVersion);
    assert.throws(() => carrierFromWire({ ...wire, later: 1 }), UnknownCarrierVersion);
    assert.throws(() => carrierFromWire({ schema: 99 }), UnknownCarrierVersion);
  });

  it('have a schema that code which knows no operations leaves alone, only where they hold some', () => {
    assert.equal(schemaOf([]), 1);
    assert.equal(schemaOf([task(), response('t', startMs, 1)]), 1);
    assert.equal(schemaOf([task(), operation('things/1', startMs, 'delete')]), 2);
  });

  it('have the latest schema where an event holds what readers of the older ones would take off', () => {
    const answer = response('t', startMs, 1);
    const more = (event: Event, place: object): Event => Object.assign(event, place);
    for (const event of [
      more(created('t', startMs), { later: 1 }),
      more(response('t', startMs, 1), { response: { ...answer.response, token_count: 42 } }),
      more(response('t', startMs, 1), {
        response: { ...answer.response, body: { object: 'o', bytes: 1, crc: 1 } },
      }),
      more(operation('things/1', startMs, 'delete'), { later: null }),
      marked(created('t', startMs, { metadata: { seed: [2n ** 63n - 1n] } })),
      more(created('t', startMs), { kind: 'renamed' }),
    ]) {
      assert.equal(schemaOf([task(), event]), 3, JSON.stringify(event));
    }
    assert.equal(schemaOf([more(task(), { later: undefined })]), 1, 'is not written');
    assert.equal(
      schemaOf([created('t', startMs, { any: { field: [] } })]),
      1,
      'callers may name fields as they like',
    );
  });

  for (const [what, data] of Object.entries({
    nothing: undefined,
    null: null,
    'a text': 'text',
    'no schema': { ...carrierToWire(carrier), schema: undefined },
    'a schema that is a text': { ...carrierToWire(carrier), schema: '1' },
    'no due time': { ...carrierToWire(carrier), due_ms: undefined },
    'a negative count': { ...carrierToWire(carrier), count: -1 },
    'a stamp that is none': { ...carrierToWire(carrier), oldest: 'yesterday' },
    'events that are no text': { ...carrierToWire(carrier), events: [] },
  })) {
    it(`are corrupt: ${what}`, () => {
      assert.throws(() => carrierFromWire(data), CorruptCarrier);
    });
  }
});

describe("a carrier's contents", () => {
  it('come back, event by event', async () => {
    await fc.assert(
      fc.asyncProperty(taskEvents('t'), async (events) => {
        const found = await unpacked(events.map(eventLine));
        assert.deepEqual(
          found,
          events.map((event) => ({ event: parseWritten(JSON.stringify(event)) as unknown as Event })),
        );
      }),
      runs(50),
    );
  });

  it('keep integers to the digit where an event says so; in others they are the numbers that older versions meant', async () => {
    const data = { at: 1763000000123456789n, most: -(2n ** 63n), size: 1e20 };
    const event = marked(response('t', startMs, 1, { response_data: data }));
    assert.deepEqual(await unpacked([eventLine(event)]), [{ event }]);
    const old = response('t', startMs, 1, { response_data: 2 ** 60 });
    assert.deepEqual(await unpacked([eventLine(old)]), [{ event: old }]);
  });

  it('may be empty', async () => {
    assert.deepEqual(await unpacked([]), []);
  });

  it('say how many bytes they unfold to', async () => {
    const lines = [eventLine(response('t', startMs, 1)), eventLine(created('t', startMs))];
    const { packed, unfoldedBytes } = await foldText(lines.join('\n'));
    assert.equal(unfoldedBytes, (await unfold(packed)).length);
  });

  it('keep bad lines apart from good ones', async () => {
    const good: Event = { kind: 'deadline', taskId: 't', stamp: deadlineStamp(startMs) };
    const bad = [
      'not JSON',
      '',
      '{}',
      JSON.stringify({ ...good, kind: 7 }),
      JSON.stringify({ ...good, stamp: 'yesterday' }),
      JSON.stringify({ ...good, taskId: '' }),
      JSON.stringify({ ...response('t', startMs, 1), response: { miner_uid: -1 } }),
    ];
    const found = await unpacked([...bad, eventLine(good)]);
    assert.deepEqual(
      found.map((each) => ('event' in each ? each.event : 'invalid' in each && each.invalid)),
      [...bad, good],
    );
    assert.ok(found.every((each) => 'event' in each || each.reason.startsWith('Not an event')));
  });

  it('tell what a newer version wrote from what none can read, and keep it as it is written', async () => {
    const answer = response('t', startMs, 1);
    const newer = [
      { ...answer, later: 1 },
      { ...answer, response: { ...answer.response, token_count: 42 } },
      { ...answer, response: { ...answer.response, body: { object: 'o', bytes: 1, crc: 'x' } } },
      { ...answer, kind: 'heard of one day' },
      { ...operation('things/1', startMs, 'delete'), later: null },
    ].map((event) => JSON.stringify(event, null, 1).replaceAll('\n', ' '));
    const found = await unpacked(newer);
    assert.deepEqual(
      found.map((each) => 'unknown' in each && each.unknown),
      newer,
    );
  });

  it('keep apart an event whose task can have no document', async () => {
    for (const taskId of ['a/b', '.', '..', '__all__', 'x'.repeat(1_501)]) {
      const [found] = await unpacked([eventLine(response(taskId, startMs, 1))]);
      assert.ok(found !== undefined && 'invalid' in found, taskId);
    }
  });

  it('are corrupt when they do not decompress, or to more than a carrier may hold', async () => {
    await assert.rejects(unfold(Buffer.from('not deflate')), CorruptCarrier);
    const whole = await packLines([eventLine(response('t', startMs, 1))]);
    await assert.rejects(unfold(whole.subarray(0, whole.length - 4)), CorruptCarrier);
    const bomb = deflateRawSync(Buffer.alloc(maxCarrierUnfoldedBytes + 1));
    await assert.rejects(unfold(bomb), CorruptCarrier);
  });
});
