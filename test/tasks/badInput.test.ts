import assert from 'node:assert/strict';
import { type Ingest, response, startIngest } from '../support/ingest.ts';

const json = 'application/json';
const form = 'application/x-www-form-urlencoded';

describe('Bad input gets a clear answer and leaves nothing behind', () => {
  let ingest: Ingest;
  before(async () => {
    ingest = await startIngest();
  });
  after(() => ingest.close());
  afterEach(() => assert.deepEqual(ingest.stager.calls, []));

  /** Sends a response in every way that takes one, and returns each status and reason. */
  async function everywhere(fields: Record<string, unknown>): Promise<{ status: number; detail: string }[]> {
    const texts = Object.entries(fields).map(([name, value]): [string, string] => [
      name,
      typeof value === 'object' ? JSON.stringify(value) : String(value),
    ]);
    const multipart = new FormData();
    for (const [name, value] of texts) multipart.append(name, value);
    const { body, type } = await encoded(multipart);
    const answers = [
      await ingest.post('/v1/responses', fields),
      await ingest.post('/api/v1/miner/response', fields),
      await ingest.send('/api/v1/miner/response', String(new URLSearchParams(texts)), form),
      await ingest.send('/api/v1/miner/response', body, type),
    ];
    return answers.map(({ status, json: { detail } }) => ({ status, detail: String(detail) }));
  }

  async function encoded(data: FormData): Promise<{ body: Uint8Array; type: string }> {
    const request = new Response(data);
    return { body: await request.bytes(), type: request.headers.get('content-type') ?? '' };
  }

  const refusedEverywhere: [string, object, RegExp][] = [
    ['no task id', { task_id: undefined }, /task_id/],
    ['an empty task id', { task_id: '' }, /task_id/],
    ['an over-long task id', { task_id: 'x'.repeat(129) }, /task_id/],
    ['a task id that is a path', { task_id: 'a/b' }, /task_id/],
    ['a task id of one dot', { task_id: '.' }, /task_id/],
    ['a task id of two dots', { task_id: '..' }, /task_id/],
    ['a reserved task id', { task_id: '__x__' }, /task_id/],
    ['a task id with a line feed', { task_id: 'a\n' }, /task_id/],
    ['no miner uid', { miner_uid: undefined }, /miner_uid/],
    ['a negative miner uid', { miner_uid: -1 }, /miner_uid/],
    ['a fractional miner uid', { miner_uid: 1.5 }, /miner_uid/],
    ['a miner uid that is no number', { miner_uid: 'seven' }, /miner_uid/],
    ['an empty miner uid', { miner_uid: '' }, /miner_uid/],
    ['a miner uid past the last', { miner_uid: 65_536 }, /miner_uid/],
    ['a miner uid in hexadecimal', { miner_uid: '0x10' }, /miner_uid/],
    ['no response data', { response_data: undefined }, /response_data/],
    ['null as response data', { response_data: null }, /response_data/],
    [
      'response data that nests too deep',
      { response_data: nested(21) },
      /response_data: nests deeper than 20/,
    ],
    ['a hotkey that is too long', { hotkey: '5'.repeat(129) }, /hotkey/],
  ];
  for (const [what, changes, reason] of refusedEverywhere) {
    it(what, async () => {
      const fields = Object.fromEntries(
        Object.entries(response(changes)).filter(([, value]) => value !== undefined),
      );
      for (const { status, detail } of await everywhere(fields)) {
        assert.ok(status === 400 || status === 422, String(status));
        assert.match(detail, reason);
      }
    });
  }

  it('no key, an unknown key, a key of the wrong role', async () => {
    for (const path of ['/v1/responses', '/api/v1/miner/response', '/v1/tasks']) {
      assert.equal((await ingest.post(path, response(), { key: '' })).status, 401);
      assert.equal((await ingest.post(path, response(), { key: 'nobody' })).status, 401);
      assert.equal((await ingest.post(path, response(), { key: 'read-key' })).status, 403);
      assert.equal((await ingest.post(path, response(), { key: 'validator-key' })).status, 403);
    }
    assert.equal((await ingest.post('/v1/tasks', { task_type: 'tts' }, { key: 'miner-key' })).status, 403);
  });

  it('malformed JSON, with the place of the fault', async () => {
    const faults: [string, RegExp][] = [
      ['', /position 0 \(line 1, column 1\): it ends too early/],
      ['{"task_id": "a"', /position 15/],
      ['{\n"task_id": x}', /position 13 \(line 2, column 12\): unexpected "x"/],
      ['{"accuracy_score": nan}', /position 20 .*unexpected "a"/],
      ['[NaN', /position 1 .*unexpected "N"/],
      ['{"a":1,}', /position 7/],
      ['{"a":1} {"b":2}', /position 8/],
      ['{"a":"x\ny"}', /position 7/],
    ];
    for (const path of ['/v1/responses', '/api/v1/miner/response', '/v1/tasks']) {
      for (const [text, detail] of faults) {
        const answer = await ingest.send(path, text, json);
        assert.equal(answer.status, 400, text);
        assert.equal(answer.json['code'], 'invalid_request');
        assert.match(String(answer.json['detail']), detail);
      }
    }
  });

  it('JSON of another shape', async () => {
    for (const value of [[response()], 'text', 7, null]) {
      assert.equal((await ingest.post('/api/v1/miner/response', value)).status, 400);
      assert.equal((await ingest.post('/v1/tasks', value)).status, 400);
      assert.equal((await ingest.post('/v1/responses', value)).status, 422);
    }
    assert.equal((await ingest.post('/v1/responses', { responses: {} })).status, 400);
    assert.equal((await ingest.post('/v1/responses', { responses: [response()], extra: 1 })).status, 400);
    const unknown = await ingest.post('/v1/responses', response({ score: 1 }));
    assert.equal(unknown.status, 422);
    assert.match(String(unknown.json['detail']), /Unknown field "score"/);
    const texts = await ingest.post('/v1/responses', response({ miner_uid: '7' }));
    assert.equal(texts.status, 422);
  });

  it('numbers that JSON takes for infinite', async () => {
    for (const number of ['1e999', 'NaN', '-Infinity', '9'.repeat(400)]) {
      for (const members of [
        `"response_data":{"x":[${number}]}`,
        `"response_data":1,"speed_score":${number}`,
      ]) {
        const body = `{"task_id":"t","miner_uid":1,${members}}`;
        assert.equal((await ingest.send('/v1/responses', body, json)).status, 422);
      }
      const body = `{"task_id":"t","miner_uid":${number},"response_data":1}`;
      assert.equal((await ingest.send('/api/v1/miner/response', body, json)).status, 400);
    }
  });

  it('bytes that are no UTF-8', async () => {
    const bytes = Buffer.concat([Buffer.from('{"task_id":"'), Buffer.from([0xff]), Buffer.from('"}')]);
    for (const type of [json, 'application/x-ndjson']) {
      const answer = await ingest.send('/v1/responses', bytes, type);
      assert.equal(answer.status, 400);
      assert.match(String(answer.json['detail']), /UTF-8/);
    }
    assert.equal((await ingest.send('/api/v1/miner/response', bytes, form)).status, 400);
    assert.equal((await ingest.send('/api/v1/miner/response', 'task_id=%FF', form)).status, 400);
    const whole = await encoded(formData({ task_id: 't', miner_uid: '1', response_data: '"\u{7f}"' }));
    const broken = whole.body.map((byte) => (byte === 0x7f ? 0xff : byte));
    const answer = await ingest.send('/api/v1/miner/response', broken, whole.type);
    assert.deepEqual(
      [answer.status, answer.json['detail']],
      [400, 'The field "response_data" is not UTF-8.'],
    );
  });

  it('malformed forms', async () => {
    const path = '/api/v1/miner/response';
    const good = 'task_id=t&miner_uid=1&response_data=1';
    for (const body of [`${good}&hotkey=%zz`, `${good}&hotkey=%`, `${good}&miner_uid=2`]) {
      assert.equal((await ingest.send(path, body, form)).status, 400, body);
    }
    const { body, type } = await encoded(formData({ task_id: 't', miner_uid: '1', response_data: '1' }));
    const broken: [Uint8Array | string, string][] = [
      [body.slice(0, -20), type],
      [body, 'multipart/form-data'],
      [body, 'multipart/form-data; boundary=other'],
      ['', type],
    ];
    for (const [bytes, contentType] of broken) {
      const answer = await ingest.send(path, bytes, contentType);
      assert.equal(answer.status, 400, contentType);
      assert.match(String(answer.json['detail']), /multipart/);
    }
    const withFile = formData({ task_id: 't', miner_uid: '1' });
    withFile.append('response_data', new Blob(['{}']), 'data.json');
    const file = await encoded(withFile);
    const answer = await ingest.send(path, file.body, file.type);
    assert.equal(answer.status, 400);
    assert.match(String(answer.json['detail']), /response_data is a file/);
  });

  it('depth bombs', async () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    const body = `{"task_id":"t","miner_uid":1,"response_data":${deep}}`;
    const answer = await ingest.send('/v1/responses', body, json);
    assert.equal(answer.status, 422);
    assert.match(String(answer.json['detail']), /deeper than 20/);
    const outermost = await ingest.send('/v1/responses', '['.repeat(4e6) + ']'.repeat(4e6), json);
    assert.equal(outermost.status, 400);
    assert.match(String(outermost.json['detail']), /more than 300000/);
    const text = String(new URLSearchParams({ task_id: 't', miner_uid: '1', response_data: deep }));
    assert.equal((await ingest.send('/api/v1/miner/response', text, form)).status, 400);
  });

  it('size bombs @slow', async () => {
    const many = `[${'{},'.repeat(2_000_000)}{}]`;
    assert.equal((await ingest.send('/v1/responses', `{"responses":${many}}`, json)).status, 400);
    const text = String(
      new URLSearchParams({ task_id: 't', miner_uid: '1', response_data: many.slice(0, 2e6) }),
    );
    assert.equal((await ingest.send('/api/v1/miner/response', text, form)).status, 400);
    const large = JSON.stringify(response({ response_data: 'x'.repeat(8 * 1024 * 1024) }));
    for (const path of ['/v1/responses', '/api/v1/miner/response', '/v1/tasks']) {
      assert.equal((await ingest.send(path, large, json)).status, 413);
    }
  });

  it('many small things in one body', async () => {
    const ndjson = 'application/x-ndjson';
    const line = JSON.stringify(response({ response_data: Array.from({ length: 20_000 }, () => []) }));
    // A line that leaves a text open hides nothing that follows it.
    const hidden = `"\n${`${line}\n`.repeat(16)}`;
    for (const [path, body, type, status, detail] of [
      ['/v1/responses', `{"responses":[${'1,'.repeat(1_000_000)}1]}`, json, 400, /1000000 values/],
      ['/v1/responses', hidden, ndjson, 400, /300000 arrays and objects/],
      ['/v1/responses', '1\n'.repeat(2_000_000), ndjson, 413, /At most 1000 responses/],
      ['/v1/responses', '\n'.repeat(4_000_000), ndjson, 422, /no response in the body/],
      ['/api/v1/miner/response', 'a&'.repeat(2_000_000), form, 400, /64 fields/],
    ] as const) {
      const answer = await ingest.send(path, body, type);
      assert.equal(answer.status, status);
      assert.match(String(answer.json['detail']), detail);
    }
  });

  it('wrong content types', async () => {
    const body = JSON.stringify(response());
    for (const type of ['text/plain', form, 'application/octet-stream', 'text/json', 'nonsense']) {
      const answer = await ingest.send('/v1/responses', body, type);
      assert.equal(answer.status, 415, type);
      assert.match(String(answer.json['detail']), /application\/json/);
      assert.equal((await ingest.send('/v1/tasks', '{"task_type":"tts"}', type)).status, 415, type);
    }
    assert.equal((await ingest.send('/api/v1/miner/response', body, 'text/plain')).status, 415);
  });

  it('unknown routes and methods', async () => {
    assert.equal((await ingest.post('/v2/responses', response())).status, 404);
    const answer = await ingest.post('/v1/responses', response(), { method: 'PUT' });
    assert.equal(answer.status, 405);
    assert.equal(answer.headers.get('allow'), 'POST');
  });
});

function formData(fields: Record<string, string>): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) data.append(name, value);
  return data;
}

/** A value that nests this deep. */
function nested(depth: number): unknown {
  let value: unknown = 'x';
  for (let level = 0; level < depth; level += 1) value = [value];
  return value;
}
