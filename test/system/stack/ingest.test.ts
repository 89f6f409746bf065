import assert from 'node:assert/strict';
import { Firestore } from '@google-cloud/firestore';
import fc from 'fast-check';
import { isInt64, type Json, parseExact } from '../../../functions/src/platform/json.ts';
import { type LocalStack, startStack } from '../../../local/stack.ts';
import { advanceUntil, whenServed } from '../../support/advance.ts';
import { runs } from '../../support/runs.ts';

// Off the cloud, the client would look for a metadata server.
process.env['METADATA_SERVER_DETECTION'] ??= 'none';

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
/** Numbers up to 1e21 are written with all their digits: past 64 bits they look like integers that nobody can hold. */
const double = fc
  .double({ noNaN: true, noDefaultInfinity: true })
  .filter((number) => !Number.isInteger(number) || Math.abs(number) >= 1e21 || isInt64(BigInt(number)));
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 10 }),
  fc.constantFrom(
    '9007199254740993',
    ' NaN, [Infinity]',
    '\ufeff{"a":1}',
    '{"a": 12345678901234567890}',
    '\ud83d',
    '2026-02-30',
  ),
);

function values(
  name: fc.Arbitrary<string>,
  words: fc.Arbitrary<string>,
  list: (item: fc.Arbitrary<Json>) => fc.Arbitrary<Json[]>,
) {
  return fc.letrec<{ value: Json }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.oneof(int64, fc.maxSafeInteger(), double, words, fc.constantFrom(null, true, false, '', 0)),
      fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: true }),
      list(tie('value')),
    ),
  })).value;
}

const anyName = fc.oneof(
  text,
  fc.constantFrom('__proto__', '__x__', '', 'a.b', '`', 'constructor', 'n_json'),
);
/** Whatever JSON can hold. */
const anything = values(anyName, text, (item) => fc.array(item, { maxLength: 4 }));
/** Whatever a document of a proxy's own can hold. */
const storable = values(
  fc.stringMatching(/^[a-z][a-z0-9_]{0,5}$/),
  text.filter((words) => words.isWellFormed()),
  (item) =>
    fc.array(
      item.filter((value) => !Array.isArray(value)),
      { maxLength: 4 },
    ),
);

/** The value behind its JSON text: -0 is written as 0. */
function sent(value: unknown): unknown {
  return parseExact(JSON.stringify(value));
}

describe('what comes in comes back, through the deployed functions', function () {
  this.timeout(60_000);
  const count = 60;
  let stack: LocalStack;

  before(async () => {
    stack = await startStack({ ports: 'free', quiet: true });
  });
  after(() => stack.close());

  const call = async (
    method: string,
    path: string,
    body?: string,
    type = 'application/json',
    role = 'ingest',
  ) => {
    const answer = await whenServed(stack, () =>
      fetch(stack.urls.hosting + path, {
        method,
        headers: {
          'x-api-key': stack.keys[role] ?? '',
          ...(body === undefined ? {} : { 'content-type': type }),
        },
        body: body ?? null,
      }),
    );
    const answered = await answer.text();
    assert.ok(answer.ok, `${answer.status} ${answered}`);
    return parseExact(answered) as Record<string, Json>;
  };

  it('of responses and tasks, whatever JSON they hold', async () => {
    const datas = fc.sample(anything, { ...runs(), numRuns: count }).map((value): Json => ({ value }));
    // One that is kept beside its document.
    datas[0] = { value: [datas[0] ?? null, 2n ** 60n + 1n, 'x'.repeat(70_000)] };
    const task = {
      task_id: 'any',
      task_type: 'x',
      required_miner_count: 256,
      metadata: datas[1],
      input_x: datas[2],
    };
    await call('POST', '/v1/tasks', JSON.stringify(task));
    const responses = datas.map((response_data, miner_uid) => ({ task_id: 'any', miner_uid, response_data }));
    const [batch, lines, ones, forms] = [0, 1, 2, 3].map((rest) =>
      responses.filter(({ miner_uid }) => miner_uid % 4 === rest),
    );
    const ndjson = lines?.map((each) => JSON.stringify(each)).join('\r\n');
    const answers = [
      await call('POST', '/v1/responses', JSON.stringify({ responses: batch })),
      await call('POST', '/v1/responses', ndjson, 'application/x-ndjson'),
    ];
    for (const one of ones ?? [])
      answers.push(await call('POST', '/api/v1/miner/response', `\ufeff${JSON.stringify(one)}`));
    for (const { response_data, ...fields } of forms ?? []) {
      const form = new URLSearchParams({
        ...fields,
        miner_uid: String(fields.miner_uid),
        response_data: JSON.stringify(response_data),
      });
      answers.push(
        await call('POST', '/api/v1/miner/response', String(form), 'application/x-www-form-urlencoded'),
      );
    }
    for (const { warnings } of answers) assert.deepEqual(warnings, []);
    let got: Record<string, Json> = {};
    await advanceUntil(
      stack,
      async () => {
        got = await call('GET', '/v1/tasks/any', undefined, undefined, 'admin').catch(() => ({}));
        return got['response_count'] === count;
      },
      { stepMs: 2_500, steps: 60 },
    );
    assert.deepEqual([got['metadata'], got['input_x']], [datas[1], datas[2]].map(sent));
    const kept = got['miner_responses'] as Record<string, { response_data: Json }>;
    for (const [uid, data] of datas.entries())
      assert.deepEqual(kept[uid]?.response_data, sent(data), String(uid));
  });

  it('of documents, whatever they can hold', async () => {
    const [host, port] = (stack.clientEnv['FIRESTORE_EMULATOR_HOST'] ?? '').split(':');
    const database = new Firestore({
      projectId: stack.clientEnv['GCLOUD_PROJECT'] ?? '',
      host: host ?? '',
      port: Number(port),
      ssl: false,
      useBigInt: true,
    });
    const datas = fc.sample(storable, { ...runs(), numRuns: count }).map((value) => ({ value }));
    const operations = datas.map((data, index) => ({ type: 'set', path: `things/${index}`, data }));
    const answer = await call('POST', '/v1/operations?visibility=prompt', JSON.stringify({ operations }));
    assert.deepEqual([answer['accepted'], answer['rejected']], [count, []]);
    const things = database.collection('things');
    await advanceUntil(stack, async () => (await things.get()).size === count, { stepMs: 2_500, steps: 60 });
    for (const found of (await things.get()).docs) {
      assert.deepEqual(sent(found.data()['value']), sent(datas[Number(found.id)]?.value), found.id);
    }
    await database.terminate();
  });
});
