import assert from 'node:assert/strict';
import { acceptedBatch, count, moment, pageOf } from '../../functions/src/http/answers.ts';
import { acceptEach, batchOf, itemsOf } from '../../functions/src/http/batch.ts';
import { defineRoute } from '../../functions/src/http/defineRoute.ts';
import { cursor, flag, limit, visibility } from '../../functions/src/http/parameters.ts';
import { Reading } from '../../functions/src/http/reading.ts';
import {
  finiteOrText,
  integer,
  integerOrText,
  members,
  oneOf,
  optional,
  read,
  type Schema,
  text,
  time,
  withDefault,
} from '../../functions/src/http/schema.ts';
import { AppError } from '../../functions/src/platform/errors.ts';
import { ManualClock } from '../support/clock.ts';
import { serveRoutes, type TestServer } from '../support/http.ts';
import { memoryLogger } from '../support/logger.ts';

const fault = (schema: Schema, value: unknown, at = 'value'): string => {
  try {
    return `accepted as ${JSON.stringify(read(schema, value, at))}`;
  } catch (error) {
    assert.ok(error instanceof Error && 'code' in error && error.code === 'invalid_request', String(error));
    return error.message;
  }
};

describe('a schema', () => {
  it('says what it expected and what it got, and where', () => {
    const schema = members({ n: integer(1, 5), list: optional(members({ name: text(3) })) });
    for (const [value, message] of [
      [{ n: 9 }, 'n: expected an integer from 1 to 5, got 9.'],
      [{ n: '3' }, 'n: expected an integer from 1 to 5, got "3".'],
      [{}, 'n: expected an integer from 1 to 5, got nothing.'],
      [{ n: Number.NaN }, 'n: expected an integer from 1 to 5, got NaN or a number out of range.'],
      [{ n: 1, list: { name: [] } }, 'list.name: expected a text of 1 to 3 characters, got a list.'],
      [{ n: 1, list: { name: 'long' } }, 'list.name: expected a text of 1 to 3 characters, got "long".'],
      [{ n: 1, list: 7 }, 'list: expected an object, got 7.'],
      [{ n: 9, m: 1 }, 'Unknown field "m": there are n and list.'],
    ] as const)
      assert.equal(fault(schema, value), message);
    assert.equal(fault(schema, 'x', 'body'), 'body: expected an object, got "x".');
    assert.equal(fault(oneOf(['a', 'b']), 'c', 'kind'), 'kind: expected one of a, b, got "c".');
  });

  it('takes null and the empty text for nothing, where a member may be missing', () => {
    const schema = members({ a: optional(text(5)), n: withDefault(integerOrText(0, 9), 4) });
    for (const value of [{}, { a: null, n: null }, { a: '', n: '' }])
      assert.equal(JSON.stringify(read(schema, value, 'value')), '{"n":4}');
    assert.equal(read(schema, { n: '7' }, 'value').n, 7);
  });

  it('reads numbers as forms and existing miners write them', () => {
    for (const [value, number] of [
      ['1e-07', 1e-7],
      [' +.5 ', 0.5],
      ['5.', 5],
      [2, 2],
    ] as const)
      assert.equal(read(finiteOrText(), value, 'n'), number);
    for (const value of ['0x1f', 'NaN', '1e999', Number.POSITIVE_INFINITY, true, ''])
      assert.match(fault(finiteOrText(), value, 'n'), /^n: expected a finite number, got /);
    assert.match(fault(integerOrText(0, 9), '1.0', 'n'), /^n: expected an integer/);
    assert.equal(read(integerOrText(0, 9), ' 7\n', 'n'), 7);
  });

  it('reads integers of a query as digits alone', () => {
    const page = limit({ most: 9, otherwise: 2 });
    assert.equal(read(page, '007', 'limit'), 7);
    for (const value of [' 7', '7 ', '7\n', '+7', '7.0', '0000000007', '7e0'])
      assert.equal(
        fault(page, value, 'limit'),
        `limit: expected an integer from 1 to 9, got ${JSON.stringify(value)}.`,
      );
  });

  it('reads times as ISO 8601, seconds or milliseconds', () => {
    const noon = Date.UTC(2026, 1, 28, 12);
    for (const value of [
      '2026-02-28T12:00:00Z',
      '2026-02-28 12:00',
      '2026-02-28T13:00:00+0100',
      noon,
      noon / 1000,
      `${noon / 1000}.0`,
    ])
      assert.equal(read(time(), value, 'at'), noon, String(value));
    for (const value of ['2026-02-30', '2026-02-28T25:00', 'tomorrow', -1, 1e300, null, {}])
      assert.match(
        fault(time(), value, 'at'),
        /^at: expected an ISO 8601 time or seconds since the epoch, got /,
      );
  });
});

describe('the schema of an answer', () => {
  it('fits such answers and no others', () => {
    const page = pageOf('things', members({ at: moment(), n: count() }));
    const things = [{ at: '2026-01-01T00:00:00Z', n: 0 }];
    for (const next_cursor of [null, 'x']) assert.match(fault(page, { things, next_cursor }), /^accepted/);
    assert.match(fault(page, { things }), /^next_cursor: /);
    assert.match(fault(page, { things: [{ ...things[0], n: -1 }], next_cursor: null }), /^things\[0\]\.n: /);
    const batch = { accepted: 1, rejected: [{ index: 0, code: 'a', message: 'b' }], warnings: [] };
    assert.match(fault(acceptedBatch(), batch), /^accepted/);
    assert.match(fault(acceptedBatch(), { ...batch, rejected: [7] }), /^rejected\[0\]: /);
  });
});

describe('a batch', () => {
  it('is a list of items, of which each is accepted or refused for itself', () => {
    assert.deepEqual(itemsOf({ things: [1, 'x'] }, 'things', 2), [1, 'x']);
    const refused = (body: unknown): string => fault(members({ body: batchOf('things') }), { body });
    assert.match(refused({ things: 7 }), /^body\.things: expected a list, got 7/);
    assert.match(refused({ things: [], more: 1 }), /nothing stands beside things/);
    assert.throws(() => itemsOf({ things: [1, 2, 3] }, 'things', 2), { code: 'payload_too_large' });

    const accept = ({ index }: { index: number }): number => {
      if (index === 1) throw new AppError('forbidden', 'Not this one.');
      if (index === 9) throw new AppError('unavailable', 'None.');
      return index;
    };
    assert.deepEqual(acceptEach([{ index: 0 }, { index: 1 }, { index: 4 }], accept), {
      accepted: [0, 4],
      rejected: [{ index: 1, code: 'forbidden', message: 'Not this one.' }],
    });
    const isFatal = ({ code }: AppError): boolean => code === 'unavailable';
    assert.throws(() => acceptEach([{ index: 9 }], accept, isFatal), { code: 'unavailable' });
  });
});

describe('a lenient reading', () => {
  const schema = members({ a: optional(integer(0, 9)), b: integer(0, 9) });
  const leftOut = new Set(['a']);

  it('leaves out what may be, with a warning; a strict one refuses it', () => {
    const reading = new Reading(true);
    assert.equal(reading.read(schema, { a: 'x', b: 1 }, leftOut).b, 1);
    assert.deepEqual(reading.warnings, [
      { field: 'a', message: 'Left out. a: expected an integer from 0 to 9, got "x".' },
    ]);
    assert.throws(() => reading.read(schema, { a: 1, b: 'x' }, leftOut), /^AppError: b: expected/);
    assert.throws(() => new Reading(false).read(schema, { a: 'x', b: 1 }, leftOut), /^AppError: a: expected/);
  });

  it('keeps numbers that JSON does not hold as null or text, and remembers a bounded number of warnings', () => {
    const reading = new Reading(true);
    const value = { list: [1, Number.POSITIVE_INFINITY], long: 2n ** 64n, exact: 2n ** 60n };
    assert.deepEqual(reading.json(value, 'data'), {
      list: [1, null],
      long: String(2n ** 64n),
      exact: 2n ** 60n,
    });
    assert.deepEqual(
      reading.warnings.map(({ field }) => field),
      ['data.list[1]', 'data.long'],
    );
    for (let count = 0; count < 1_000; count += 1) reading.warn('more', 'of the same');
    assert.ok(reading.warnings.length < 200, `${reading.warnings.length} warnings`);
  });
});

describe('a route with schemas', () => {
  let server: TestServer;
  before(async () => {
    const route = defineRoute({
      method: 'POST',
      path: '/things/:n',
      access: ['ingest'],
      params: () => members({ n: integerOrText(1, 9) }),
      query: () =>
        members(
          {
            limit: limit({ most: 50, otherwise: 10 }),
            cursor: cursor(),
            all: flag(),
            visibility: visibility(['prompt']),
          },
          { noun: 'parameter' },
        ),
      body: () => optional(members({ a: optional(text(3)) })),
      summary: '',
      answers: () => ({ 200: {} }),
      handle: async (inputs) => ({ status: 200, json: inputs }),
    });
    server = await serveRoutes([route], { clock: new ManualClock(), logger: memoryLogger() });
  });
  after(() => server.close());

  const call = (path: string, body?: string) =>
    server.call(path, {
      method: 'POST',
      headers: { 'x-api-key': 'ingest-key' },
      ...(body === undefined ? {} : { body: Buffer.from(body) }),
    });

  it('is handled with what its request says, read', async () => {
    const query = { limit: 10, all: false, visibility: 'default' };
    assert.deepEqual((await call('/things/3')).json, { params: { n: 3 }, query });
    const said = await call('/things/3?limit=5&cursor=x&all=true&visibility=prompt', '{"a":"b"}');
    assert.deepEqual(said.json, {
      params: { n: 3 },
      query: { limit: 5, cursor: 'x', all: true, visibility: 'prompt' },
      body: { a: 'b' },
    });
    assert.deepEqual((await call('/things/3?limit=&cursor=&limit=7')).json['query'], query);
  });

  for (const [path, body, detail] of [
    ['/things/x', undefined, 'n: expected an integer from 1 to 9, got "x".'],
    ['/things/3?limit=0', undefined, 'limit: expected an integer from 1 to 50, got 0.'],
    ['/things/3?all=yes', undefined, 'all: expected true or false, got "yes".'],
    ['/things/3?visibility=never', undefined, 'visibility: expected prompt, got "never".'],
    ['/things/3?what=1', undefined, 'Unknown parameter "what": there are limit, cursor, all and visibility.'],
    ['/things/3', '[]', 'body: expected an object, got a list.'],
    ['/things/3', '{"b":1}', 'Unknown field "b": there are a.'],
  ] as const) {
    it(`refuses ${path} ${body ?? ''}`, async () => {
      const { status, json } = await call(path, body);
      assert.deepEqual([status, json['code'], json['detail']], [400, 'invalid_request', detail]);
    });
  }
});
