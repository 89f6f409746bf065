import assert from 'node:assert/strict';
import { AppError } from '../../functions/src/platform/errors.ts';
import { type Ingest, response, stagedResponses, startIngest } from '../support/ingest.ts';

const path = '/api/v1/miner/response';
const form = 'application/x-www-form-urlencoded';

/** Writes a multipart form without files as httpx and requests do. */
function multipart(fields: Record<string, string>): { body: string; type: string } {
  const boundary = '7e3f1c9a5b2d48e6a0c4f8b1d9e2a6c3';
  const parts = Object.entries(fields).map(
    ([name, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  return { body: `${parts.join('')}--${boundary}--\r\n`, type: `multipart/form-data; boundary=${boundary}` };
}

describe('What existing miners send', () => {
  let ingest: Ingest;
  before(async () => {
    ingest = await startIngest();
  });
  after(() => ingest.close());
  beforeEach(() => ingest.stager.reset());

  it('is a urlencoded form, as httpx writes it', async () => {
    const body =
      'task_id=a1b2&miner_uid=0&response_data=%7B%22transcript%22%3A+%22h%C3%A9llo%22%2C+%22confidence%22%3A+0.9%7D' +
      '&processing_time=1e-07&accuracy_score=0.0&speed_score=&hotkey=5F&coldkey_address=5C&network=finney';
    const answer = await ingest.send(path, body, form, { key: 'miner-key' });
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.json, {
      success: true,
      message: 'Response accepted',
      task_id: 'a1b2',
      miner_uid: 0,
      warnings: [],
    });
    const [event] = stagedResponses(ingest);
    assert.equal(event?.taskId, 'a1b2');
    assert.deepEqual(event?.response, {
      miner_uid: 0,
      response_data: { transcript: 'héllo', confidence: 0.9 },
      submitted_at_ms: ingest.clock.now(),
      processing_time: 1e-7,
      accuracy_score: 0,
      speed_score: 0,
      hotkey: '5F',
      status: 'completed',
    });
  });

  it('is a multipart form', async () => {
    const fields = {
      task_id: 't',
      miner_uid: '12',
      response_data: JSON.stringify({ summary: 'naïve\r\nlines' }),
      processing_time: '2.5',
      accuracy_score: '0.8',
      speed_score: '0.5',
    };
    const { body, type } = multipart(fields);
    const answer = await ingest.send(path, body, type);
    assert.equal(answer.status, 200);
    const [event] = stagedResponses(ingest);
    assert.deepEqual(event?.response.response_data, { summary: 'naïve\r\nlines' });
    assert.equal(event?.response.miner_uid, 12);
    assert.equal(event?.response.processing_time, 2.5);
  });

  it('is JSON, with the data as a value or as its text, in response_data or response', async () => {
    const data = { text: 'hello' };
    for (const changes of [
      {},
      { response_data: JSON.stringify(data) },
      { response_data: undefined, response: data },
      { response_data: '', response: data },
      { response: 'ignored' },
      { miner_uid: '7', processing_time: '1.5', colour: 'ignored' },
    ]) {
      ingest.stager.calls.length = 0;
      assert.equal((await ingest.post(path, response(changes))).status, 200);
      assert.deepEqual(stagedResponses(ingest)[0]?.response.response_data, data);
    }
  });

  it('may come without a content type, as JSON', async () => {
    assert.equal((await ingest.send(path, JSON.stringify(response()), undefined)).status, 200);
    assert.equal((await ingest.send('/v1/responses', JSON.stringify(response()), undefined)).status, 202);
  });

  it('may hold data that is no JSON, which stays a text', async () => {
    for (const text of ["{'transcript': 'hello'}", 'plain words', '{"cut', 'NaN']) {
      ingest.stager.calls.length = 0;
      const body = String(new URLSearchParams({ task_id: 't', miner_uid: '1', response_data: text }));
      assert.equal((await ingest.send(path, body, form)).status, 200);
      assert.equal(stagedResponses(ingest)[0]?.response.response_data, text);
    }
  });

  it('may be megabytes', async () => {
    const text = 'Ä+ %'.repeat(400_000);
    const body = String(
      new URLSearchParams({ task_id: 't', miner_uid: '1', response_data: JSON.stringify({ text }) }),
    );
    assert.equal((await ingest.send(path, body, form)).status, 200);
    assert.deepEqual(stagedResponses(ingest)[0]?.response.response_data, { text });
  });

  it('carries the key in the URL, as Basic', async () => {
    const headers = {
      'X-API-Key': '',
      Authorization: `Basic ${Buffer.from('x:miner-key').toString('base64')}`,
    };
    assert.equal((await ingest.post(path, response(), { headers })).status, 200);
  });

  it('comes twice and is answered twice', async () => {
    for (let i = 0; i < 2; i += 1) assert.equal((await ingest.post(path, response())).status, 200);
  });

  it('is one event a request, and 503 when it is not known to be kept', async () => {
    ingest.stager.failure = new AppError('unavailable', 'Repeat it.');
    const answer = await ingest.post(path, response());
    assert.equal(answer.status, 503);
    assert.equal(answer.json['detail'], 'Repeat it.');
  });

  it('speaks only for the miners its key is bound to', async () => {
    const answer = await ingest.post(path, response({ miner_uid: 8 }), { key: 'uid-key' });
    assert.equal(answer.status, 403);
    assert.equal(typeof answer.json['detail'], 'string');
    assert.deepEqual(ingest.stager.calls, []);
  });

  for (const kind of ['text-translation', 'document-translation']) {
    it(`is the result of a ${kind}, which becomes a response`, async () => {
      const fields = {
        task_id: 't',
        miner_uid: '3',
        translated_text: '12',
        processing_time: '1.25',
        accuracy_score: '0.75',
        speed_score: '0.5',
        source_language: 'en',
        target_language: 'de',
      };
      const url = `/api/v1/miner/${kind}/upload-result`;
      const answer = await ingest.send(url, String(new URLSearchParams(fields)), form, { key: 'miner-key' });
      assert.equal(answer.status, 200);
      assert.equal(answer.json['success'], true);
      assert.equal(answer.json['miner_uid'], 3);
      const data = {
        translated_text: '12',
        source_language: 'en',
        target_language: 'de',
        processing_time: 1.25,
      };
      const [event] = stagedResponses(ingest);
      assert.deepEqual(event?.response.response_data, data);
      assert.equal(event?.response.accuracy_score, 0.75);
      const more = { ...fields, metadata: '{"pages": 2}' };
      await ingest.send(url, String(new URLSearchParams(more)), form);
      assert.deepEqual(stagedResponses(ingest)[1]?.response.response_data, {
        ...data,
        metadata: { pages: 2 },
      });
      const { body, type } = multipart({ ...fields, translated_text: '' });
      const refused = await ingest.send(url, body, type);
      assert.equal(refused.status, 400);
      assert.match(String(refused.json['detail']), /translated_text/);
    });
  }
});
