import assert from 'node:assert/strict';
import type { Answer } from '../support/http.ts';
import { type Ingest, response, stagedResponses, startIngest } from '../support/ingest.ts';

const json = 'application/json';
const form = 'application/x-www-form-urlencoded';
const minerPath = '/api/v1/miner/response';

/** Numbers as Python’s json writes them. */
const pythonData = '{"logprob": NaN, "list": [1, -Infinity], "text": "NaN, \\"Infinity\\""}';
const keptData = { logprob: null, list: [1, null], text: 'NaN, "Infinity"' };

function fieldsOf({ json: { warnings } }: Answer): string[] {
  return (warnings as { field: string }[]).map(({ field }) => field);
}

describe('A miner’s answer is kept as far as it can be', () => {
  let ingest: Ingest;
  beforeEach(async () => {
    ingest = await startIngest();
  });
  afterEach(() => ingest.close());

  const sendForm = (fields: Record<string, string>): Promise<Answer> =>
    ingest.send(
      minerPath,
      String(new URLSearchParams({ task_id: 't', miner_uid: '7', response_data: '{}', ...fields })),
      form,
    );
  const last = () => stagedResponses(ingest).at(-1)?.response;

  const scores: [object, object, string[]][] = [
    [
      { accuracy_score: 1.5, speed_score: -2 },
      { accuracy_score: 1, speed_score: 0 },
      ['accuracy_score', 'speed_score'],
    ],
    [{ accuracy_score: 85 }, { accuracy_score: 1 }, ['accuracy_score']],
    [{ processing_time: -0.5 }, { processing_time: 0 }, ['processing_time']],
    [
      { processing_time: 300, accuracy_score: 1, speed_score: 0 },
      { processing_time: 300, accuracy_score: 1 },
      [],
    ],
  ];
  for (const [given, kept, warned] of scores) {
    it(`scores are clamped, whoever sends them: ${JSON.stringify(given)}`, async () => {
      const texts = Object.entries(given).map(([name, value]) => [name, String(value)]);
      for (const answer of [
        await ingest.post('/v1/responses', response(given)),
        await ingest.post('/v1/responses', { responses: [response(given)] }, { key: 'miner-key' }),
        await ingest.post(minerPath, response(given)),
        await sendForm(Object.fromEntries(texts)),
      ]) {
        assert.ok(answer.status === 202 || answer.status === 200, answer.text);
        assert.deepEqual(fieldsOf(answer), warned);
        assert.partialDeepStrictEqual(last(), kept);
      }
    });
  }

  it('warnings of a batch say which item they are about; one that is refused has none', async () => {
    const lines = [
      response({ accuracy_score: 2, miner_uid: -1 }),
      response(),
      response({ speed_score: -1 }),
    ].map((each) => JSON.stringify(each));
    const answer = await ingest.send('/v1/responses', lines.join('\r\n'), 'application/x-ndjson');
    assert.deepEqual(answer.json['warnings'], [
      { index: 2, field: 'speed_score', message: 'It is -1; kept as 0.' },
    ]);
  });

  for (const value of ['nan', 'NaN', 'inf', '-Infinity', 'fast', '1e999']) {
    it(`a score that is no number is left out: ${value}`, async () => {
      const answer = await sendForm({ accuracy_score: value });
      assert.equal(answer.status, 200);
      assert.deepEqual(fieldsOf(answer), ['accuracy_score']);
      assert.equal(last()?.accuracy_score, 0);
    });
  }

  it('a score may come as text', async () => {
    const given = response({ accuracy_score: '0.5', speed_score: '1e-07' });
    const answer = await ingest.post('/v1/responses', given, { key: 'miner-key' });
    assert.deepEqual([answer.status, fieldsOf(answer)], [202, []]);
    assert.partialDeepStrictEqual(last(), { accuracy_score: 0.5, speed_score: 1e-7 });
    assert.equal((await ingest.post('/v1/responses', given)).status, 422);
  });

  it('numbers of Python that JSON lacks are null; the same words in a text stay', async () => {
    for (const answer of [
      await sendForm({ response_data: pythonData }),
      await ingest.send(minerPath, `{"task_id":"t","miner_uid":7,"response_data":${pythonData}}`, json),
      await ingest.post(minerPath, response({ response_data: pythonData })),
      await ingest.send(
        '/v1/responses',
        `{"task_id":"t","miner_uid":7,"response_data":${pythonData}}`,
        json,
        { key: 'miner-key' },
      ),
    ]) {
      assert.ok(answer.status === 202 || answer.status === 200, answer.text);
      assert.deepEqual(fieldsOf(answer), ['response_data.logprob', 'response_data.list[1]']);
      assert.deepEqual(last()?.response_data, keptData);
    }
  });

  it('a body with nothing but such a score is not lost', async () => {
    const body =
      '{"task_id":"t","miner_uid":7,"response_data":1,"accuracy_score":NaN,"speed_score":Infinity}';
    const answer = await ingest.send(minerPath, body, json);
    assert.equal(answer.status, 200);
    assert.deepEqual(fieldsOf(answer), ['accuracy_score', 'speed_score']);
  });

  it('words that are no JSON stay a text', async () => {
    for (const text of ['NaN', 'Infinity', "{'a': NaN}", 'NaN, [1]', '[NaN', '1e999']) {
      assert.equal((await sendForm({ response_data: text })).status, 200);
      assert.equal(last()?.response_data, text);
    }
  });

  it('a time that does not exist is left out', async () => {
    for (const time of [
      '2026-02-30',
      '2025-02-29T10:00:00',
      '2026-01-01T25:61:00Z',
      'miner 7',
      '12/11/2025',
      '-5',
    ]) {
      const answer = await sendForm({ submitted_at: time });
      assert.equal(answer.status, 200);
      assert.deepEqual(fieldsOf(answer), ['submitted_at']);
      assert.equal(last()?.submitted_at_ms, ingest.clock.now());
    }
  });

  it('integers are kept to the digit, past 64 bits as text', async () => {
    const digits = '{"at":1763000000123456789,"least":-9223372036854775808,"most":9223372036854775807}';
    const data = { at: 1763000000123456789n, least: -(2n ** 63n), most: 2n ** 63n - 1n };
    for (const answer of [
      await sendForm({ response_data: digits }),
      await ingest.send(minerPath, `{"task_id":"t","miner_uid":7,"response_data":${digits}}`, json),
      await ingest.send('/v1/responses', `{"task_id":"t","miner_uid":7,"response_data":${digits}}`, json),
    ]) {
      assert.deepEqual(answer.json['warnings'], []);
      assert.deepEqual(last()?.response_data, data);
    }
    assert.ok(stagedResponses(ingest).every(({ exact }) => exact === true));
    const answer = await sendForm({
      response_data: '{"n":[9223372036854775808, 1e300, 12345678901234567.5]}',
    });
    assert.deepEqual(answer.json['warnings'], [
      { field: 'response_data.n[0]', message: 'It is an integer past 64 bits; kept as text.' },
    ]);
    assert.deepEqual(last()?.response_data, { n: ['9223372036854775808', 1e300, 12345678901234568] });
    assert.equal(stagedResponses(ingest).at(-1)?.exact, undefined);
    await sendForm({ response_data: '12345678901234567890' });
    assert.equal(last()?.response_data, '12345678901234567890');
  });

  it('an answer has at most 100 warnings', async () => {
    const answer = await sendForm({ response_data: `[${Array(500).fill('NaN').join(',')}]` });
    assert.equal(fieldsOf(answer).length, 100);
    const responses = Array.from({ length: 60 }, () => response({ accuracy_score: 2, speed_score: 2 }));
    assert.equal(fieldsOf(await ingest.post('/v1/responses', { responses })).length, 100);
  });

  it('a translation’s numbers are said once', async () => {
    const path = '/api/v1/miner/document-translation/upload-result';
    const fields = { task_id: 't', miner_uid: '7', translated_text: 'x', processing_time: '-1' };
    const answer = await ingest.send(
      path,
      String(new URLSearchParams({ ...fields, metadata: '{"p": NaN}' })),
      form,
    );
    assert.deepEqual(fieldsOf(answer), ['response_data.metadata.p', 'processing_time']);
    assert.partialDeepStrictEqual(last()?.response_data, { processing_time: 0, metadata: { p: null } });
  });
});

describe('What a proxy sends is kept as it is, or refused by name', () => {
  let ingest: Ingest;
  before(async () => {
    ingest = await startIngest();
  });
  after(() => ingest.close());
  afterEach(() => assert.deepEqual(ingest.stager.calls, []));

  const responses: [string, RegExp][] = [
    ['"response_data":{"a":[{"p":NaN}]}', /response_data\.a\[0\]\.p: is NaN or out of range/],
    ['"response_data":{"a":-Infinity}', /response_data\.a: is NaN/],
    ['"response_data":{"seed":9223372036854775808}', /response_data\.seed: is an integer past 64 bits/],
    ['"response_data":1,"accuracy_score":NaN', /accuracy_score: expected a finite number, got NaN/],
    ['"response_data":1,"submitted_at":"2026-02-30T10:00:00Z"', /submitted_at/],
    ['"response_data":1,"submitted_at":"2026-01-01T25:61:00Z"', /submitted_at/],
    ['"response_data":1,"submitted_at":"version 2"', /submitted_at/],
    ['"response_data":1,"submitted_at":-5', /submitted_at/],
    ['"response_data":1,"miner_uid":9223372036854775808', /miner_uid: .*9223372036854775808/],
  ];
  for (const [members, detail] of responses) {
    it(`a response with ${members}`, async () => {
      const answer = await ingest.send('/v1/responses', `{"task_id":"t","miner_uid":7,${members}}`, json);
      assert.equal(answer.status, 422);
      assert.match(String(answer.json['detail']), detail);
    });
  }

  it('a task with such numbers', async () => {
    for (const [members, detail] of [
      ['"metadata":{"a":{"p":NaN}}', /metadata\.a\.p: is NaN/],
      ['"metadata":{"seed":-9223372036854775809}', /metadata\.seed: is an integer past 64 bits/],
      ['"input_x":[1,Infinity]', /input_x\[1\]: is NaN/],
      ['"priority":9007199254740993', /priority/],
    ] as const) {
      for (const [path, method] of [
        ['/v1/tasks', 'POST'],
        ['/v1/tasks/t', 'PATCH'],
      ] as const) {
        const answer = await ingest.send(path, `{"task_type":"x",${members}}`, json, { method });
        assert.equal(answer.status, 400);
        assert.match(String(answer.json['detail']), detail);
      }
    }
  });

  it('operations with such numbers', async () => {
    for (const [data, detail] of [
      ['{"a":{"p":NaN}}', /data\.a\.p: is NaN/],
      ['{"seed":9223372036854775808}', /data\.seed: is an integer past 64 bits/],
      ['{"at":{"$timestamp":"2026-02-30"}}', /\$timestamp/],
    ] as const) {
      const operation = `{"type":"set","path":"users/1","data":${data}}`;
      const answer = await ingest.send('/v1/operations', `{"operations":[${operation}]}`, json);
      assert.equal(answer.status, 422);
      assert.match(String(answer.json['detail']), detail);
    }
  });

  it('nothing is lost with what is refused: the others of the request are accepted', async () => {
    const [bad, good] = ['NaN', '9007199254740993'].map(
      (value) => `{"task_id":"t","miner_uid":1,"response_data":${value}}`,
    );
    for (const [body, type] of [
      [`{"responses":[${bad},${good}]}`, json],
      [`\ufeff${bad}\r\n${good}\r\n`, 'application/x-ndjson'],
    ] as const) {
      const answer = await ingest.send('/v1/responses', body, type);
      assert.equal(answer.status, 202);
      assert.equal(answer.json['accepted'], 1);
      assert.deepEqual(stagedResponses(ingest)[0]?.response.response_data, 9007199254740993n);
      ingest.stager.calls.length = 0;
    }
  });
});

describe('A byte order mark before JSON', () => {
  let ingest: Ingest;
  before(async () => {
    ingest = await startIngest();
  });
  after(() => ingest.close());

  it('is no part of it', async () => {
    const data = '\ufeff{"a":1}';
    for (const answer of [
      await ingest.send('/v1/responses', `\ufeff${JSON.stringify(response())}`, json),
      await ingest.send(minerPath, `\ufeff${JSON.stringify(response({ response_data: data }))}`, json),
      await ingest.send(
        minerPath,
        String(new URLSearchParams({ task_id: 't', miner_uid: '1', response_data: data })),
        form,
      ),
      await ingest.send('/v1/tasks', '\ufeff{"task_type":"x"}', json),
    ]) {
      assert.ok([200, 202].includes(answer.status), answer.text);
    }
    const kept = stagedResponses(ingest).map(({ response: { response_data } }) => response_data);
    assert.deepEqual(kept, [{ text: 'hello' }, { a: 1 }, { a: 1 }]);
  });
});
