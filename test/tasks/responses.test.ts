import assert from 'node:assert/strict';
import { AppError } from '../../functions/src/platform/errors.ts';
import { startMs } from '../support/clock.ts';
import { type Ingest, response, stagedResponses, startIngest } from '../support/ingest.ts';

const path = '/v1/responses';
const ndjson = 'application/x-ndjson';

describe('POST /v1/responses', () => {
  let ingest: Ingest;
  before(async () => {
    ingest = await startIngest();
  });
  after(() => ingest.close());
  beforeEach(() => ingest.stager.reset());

  it('stages one response, with what it does not say filled in', async () => {
    const answer = await ingest.post(path, response());
    assert.equal(answer.status, 202);
    assert.deepEqual(answer.json, { accepted: 1, rejected: [], warnings: [] });
    const [event] = stagedResponses(ingest);
    assert.equal(event?.taskId, 'task-1');
    assert.match(event?.stamp ?? '', /^[0-9a-z]{21}$/);
    assert.deepEqual(event?.response, {
      miner_uid: 7,
      response_data: { text: 'hello' },
      submitted_at_ms: ingest.clock.now(),
      processing_time: 0,
      accuracy_score: 0,
      speed_score: 0,
      hotkey: null,
      status: 'completed',
    });
  });

  it('keeps everything a response says', async () => {
    const said = {
      miner_uid: 0,
      response_data: [1, 'two', { three: null }, [4]],
      processing_time: 1e-7,
      accuracy_score: 0.25,
      speed_score: 1,
      hotkey: '5F',
      status: 'error',
    };
    const answer = await ingest.post(
      path,
      response({ ...said, submitted_at: 1_700_000_000.5, network: 'x' }),
    );
    assert.equal(answer.status, 202);
    assert.deepEqual(stagedResponses(ingest)[0]?.response, { ...said, submitted_at_ms: 1_700_000_000_500 });
  });

  it('takes null and empty as not said', async () => {
    await ingest.post(
      path,
      response({ accuracy_score: null, speed_score: '', hotkey: '', status: null, submitted_at: null }),
    );
    const [event] = stagedResponses(ingest);
    assert.equal(event?.response.accuracy_score, 0);
    assert.equal(event?.response.hotkey, null);
    assert.equal(event?.response.status, 'completed');
    assert.equal(event?.response.submitted_at_ms, ingest.clock.now());
  });

  it('reads times in the forms that callers write', async () => {
    const ms = Date.UTC(2025, 10, 24, 8, 40, 0, 120);
    const forms: [unknown, number][] = [
      ['2025-11-24T08:40:00.120Z', ms],
      ['2025-11-24T09:40:00.120+01:00', ms],
      ['2025-11-24T08:40:00.120456', ms],
      ['2025-11-24 08:40:00.120', ms],
      ['2025-11-24', Date.UTC(2025, 10, 24)],
      [ms, ms],
      [ms / 1000, ms],
      [String(ms), ms],
      [String(ms / 1000), ms],
      [0, 0],
    ];
    for (const [submitted_at, expected] of forms) {
      ingest.stager.calls.length = 0;
      assert.equal((await ingest.post(path, response({ submitted_at }))).status, 202, String(submitted_at));
      assert.equal(stagedResponses(ingest)[0]?.response.submitted_at_ms, expected, String(submitted_at));
    }
  });

  it('stages a batch in one call, in order, with rising stamps', async () => {
    const responses = Array.from({ length: 1000 }, (_, miner_uid) => response({ miner_uid }));
    const answer = await ingest.post(path, { responses });
    assert.deepEqual(answer.json, { accepted: 1000, rejected: [], warnings: [] });
    assert.equal(ingest.stager.calls.length, 1);
    const events = stagedResponses(ingest);
    assert.deepEqual(
      events.map(({ response }) => response.miner_uid),
      [...responses.keys()],
    );
    const stamps = events.map(({ stamp }) => stamp);
    assert.deepEqual(stamps, [...new Set(stamps)].sort());
  });

  it('accepts the valid part of a batch and lists the rest by index', async () => {
    const responses = [response({ miner_uid: -1 }), response(), 'text', response({ response_data: null })];
    const answer = await ingest.post(path, { responses });
    assert.equal(answer.status, 202);
    assert.deepEqual(answer.json, {
      accepted: 1,
      rejected: [
        {
          index: 0,
          code: 'invalid_request',
          message: 'miner_uid: expected an integer from 0 to 65535, got -1.',
        },
        { index: 2, code: 'invalid_request', message: 'response: expected an object, got "text".' },
        { index: 3, code: 'invalid_request', message: 'response_data: expected a JSON value, got null.' },
      ],
      warnings: [],
    });
    assert.equal(ingest.stager.events.length, 1);
  });

  it('takes NDJSON and lists bad lines by their number less one', async () => {
    const lines = [
      JSON.stringify(response()),
      '{"task_id": nope}',
      '',
      JSON.stringify(response({ miner_uid: 8 })),
      '7',
    ];
    for (const type of [ndjson, `${ndjson}; charset=utf-8`, 'application/jsonl', 'application/ndjson']) {
      ingest.stager.calls.length = 0;
      const answer = await ingest.send(path, `${lines.join('\r\n')}\n`, type);
      assert.equal(answer.status, 202);
      const rejected = answer.json['rejected'] as { index: number; message: string }[];
      assert.deepEqual(
        rejected.map(({ index }) => index),
        [1, 4],
      );
      assert.match(rejected[0]?.message ?? '', /position 13 \(line 1, column 14\)/);
      assert.deepEqual(
        stagedResponses(ingest).map(({ response }) => response.miner_uid),
        [7, 8],
      );
      assert.equal(ingest.stager.calls.length, 1);
    }
  });

  it('answers 422 when none is valid, with every reason', async () => {
    for (const answer of [
      await ingest.post(path, { responses: [response({ task_id: '' }), response({ task_id: 7 })] }),
      await ingest.send(path, '{}\n[]', ndjson),
    ]) {
      assert.equal(answer.status, 422);
      assert.equal(answer.headers.get('content-type'), 'application/problem+json');
      assert.equal(answer.json['code'], 'nothing_accepted');
      assert.equal(answer.json['accepted'], 0);
      assert.equal((answer.json['rejected'] as unknown[]).length, 2);
      assert.equal(typeof answer.json['detail'], 'string');
    }
    const one = await ingest.post(path, response({ miner_uid: 1.5 }));
    assert.equal(one.status, 422);
    assert.match(String(one.json['detail']), /miner_uid/);
    assert.equal((await ingest.post(path, { responses: [] })).status, 422);
    assert.equal((await ingest.send(path, '\n\n', ndjson)).status, 422);
    assert.equal(ingest.stager.calls.length, 0);
  });

  it('refuses 1,001 responses as a whole', async () => {
    const responses = Array.from({ length: 1001 }, () => response());
    assert.equal((await ingest.post(path, { responses })).status, 413);
    const lines = responses.map((item) => JSON.stringify(item)).join('\n');
    assert.equal((await ingest.send(path, lines, ndjson)).status, 413);
    assert.equal(ingest.stager.calls.length, 0);
  });

  it('answers only when the events are durable', async () => {
    let open = (): void => undefined;
    ingest.stager.gate = new Promise((resolve) => {
      open = resolve;
    });
    let answered = false;
    const answer = ingest.post(path, response()).then((received) => {
      answered = true;
      return received;
    });
    // A request that is answered at once overtakes the one that waits.
    await ingest.post(path, response({ miner_uid: -1 }));
    assert.equal(answered, false);
    open();
    assert.equal((await answer).status, 202);
  });

  it('passes on that nothing is known to be kept', async () => {
    ingest.stager.failure = new AppError('unavailable', 'Repeat it.');
    const answer = await ingest.post(path, { responses: [response(), response()] });
    assert.equal(answer.status, 503);
    assert.ok(Number(answer.headers.get('retry-after')) > 0);
    assert.equal(answer.json['accepted'], undefined);
  });

  it('lets a bound key speak only for its own miners', async () => {
    const post = (key: string, changes: object) => ingest.post(path, response(changes), { key });
    const allowed: [string, object][] = [
      ['miner-key', { miner_uid: 3 }],
      ['uid-key', {}],
      ['uid-key', { hotkey: 'any' }],
      ['hotkey-key', { miner_uid: 3, hotkey: '5F' }],
      ['both-key', { hotkey: '5F' }],
      ['both-key', {}],
    ];
    const refused: [string, object][] = [
      ['uid-key', { miner_uid: 8 }],
      ['hotkey-key', {}],
      ['hotkey-key', { hotkey: '5G' }],
      ['both-key', { miner_uid: 8, hotkey: '5F' }],
      ['both-key', { hotkey: '5G' }],
    ];
    for (const [key, changes] of allowed) {
      assert.equal((await post(key, changes)).status, 202, key + JSON.stringify(changes));
    }
    assert.equal(ingest.stager.events.length, allowed.length);
    for (const [key, changes] of refused) {
      assert.equal((await post(key, changes)).status, 403, key + JSON.stringify(changes));
    }
    assert.equal(ingest.stager.events.length, allowed.length);
  });

  it('says with each answer of a miner’s key which key that is, and with none of others', async () => {
    await ingest.post(path, response(), { key: 'uid-key' });
    for (const key of ['ingest-key', 'admin-key']) await ingest.post(path, response(), { key });
    assert.deepEqual(
      stagedResponses(ingest).map(({ minerKey, countsUnassigned }) => [minerKey, countsUnassigned]),
      [
        ['uid', undefined],
        [undefined, undefined],
        [undefined, undefined],
      ],
    );
  });

  it('has answers count whoever was asked where the operator wants that', async () => {
    const own = await startIngest([], { countUnassignedAnswers: true });
    await own.post(path, response(), { key: 'miner-key' });
    assert.equal(stagedResponses(own)[0]?.countsUnassigned, true);
    await own.close();
  });

  it('goes on with a key that is bound to hotkeys alone, and says so once in the log', async () => {
    for (const miner_uid of [1, 2])
      await ingest.post(path, response({ miner_uid, hotkey: '5F' }), { key: 'hotkey-key' });
    const warnings = ingest.log.filter(({ message }) => message.includes('bound to hotkeys'));
    assert.deepEqual(
      warnings.map(({ fields }) => fields['key_id']),
      ['hotkey'],
    );
  });

  it('refuses a key that is bound to hotkeys alone where bindings are strict', async () => {
    const strict = await startIngest([], { strictBinding: true });
    const calls = [
      strict.post(path, response({ hotkey: '5F' }), { key: 'hotkey-key' }),
      strict.post('/api/v1/miner/response', response({ hotkey: '5F' }), { key: 'hotkey-key' }),
      strict.post(
        '/api/v1/miner/text-translation/upload-result',
        { task_id: 't', miner_uid: 7, translated_text: 'x', hotkey: '5F' },
        { key: 'hotkey-key' },
      ),
    ];
    for (const answer of await Promise.all(calls)) assert.equal(answer.status, 403);
    assert.equal((await strict.post(path, response({ hotkey: '5F' }), { key: 'both-key' })).status, 202);
    assert.equal(strict.stager.events.length, 1);
    await strict.close();
  });

  it('refuses every answer of a key that answered too much that nobody asked, until that day ends', async () => {
    const orphanKeys = { refusedUntilMs: (key: string) => (key === 'uid' ? startMs + 90_000 : undefined) };
    const own = await startIngest([], { orphanKeys });
    const answers = await Promise.all([
      own.post(path, response(), { key: 'uid-key' }),
      own.post(path, { responses: [response()] }, { key: 'uid-key' }),
      own.post('/api/v1/miner/response', response(), { key: 'uid-key' }),
    ]);
    for (const { status, json, headers } of answers) {
      assert.equal(status, 429);
      assert.equal(json['code'], 'rate_limited');
      assert.equal(headers.get('retry-after'), '90');
    }
    assert.equal((await own.post(path, response(), { key: 'miner-key' })).status, 202);
    assert.equal((await own.post(path, response(), { key: 'ingest-key' })).status, 202);
    await own.close();
  });

  it('lists what a bound key may not say among the rejected of a batch', async () => {
    const responses = [response({ miner_uid: 8 }), response()];
    const { status, json } = await ingest.post(path, { responses }, { key: 'uid-key' });
    assert.equal(status, 202);
    assert.deepEqual(json['rejected'], [
      { index: 0, code: 'forbidden', message: 'This key does not speak for miner 8.' },
    ]);
  });

  it('reads nothing from the bucket', () => {
    assert.deepEqual(ingest.bucketCalls, []);
  });
});
