import assert from 'node:assert/strict';
import type { TaskEvaluated } from '../../functions/src/events/event.ts';
import { AppError } from '../../functions/src/platform/errors.ts';
import { type Ingest, startIngest } from '../support/ingest.ts';

const path = '/api/v1/validator/evaluation';
const form = 'application/x-www-form-urlencoded';
const key = 'validator-key';

/** An evaluation as a validator makes it. */
const data = {
  task_id: 'task-1',
  validator_uid: 3,
  evaluated_at: '2026-11-26T10:20:00',
  evaluation_data: {
    validator_uid: 3,
    task_type: 'summarization',
    processing_time: 1e-7,
    accuracy_score: 0.95,
    speed_score: 0.0,
    output_data: { summary: 'naïve & more' },
  },
};

const fields = { task_id: 'task-1', validator_uid: '3', evaluation_data: JSON.stringify(data) };

describe('POST /api/v1/validator/evaluation', () => {
  let ingest: Ingest;

  before(async () => {
    ingest = await startIngest();
  });
  after(() => ingest.close());
  beforeEach(() => ingest.stager.reset());

  const staged = (): TaskEvaluated[] => ingest.stager.events.filter((event) => event.kind === 'evaluated');

  it('takes what a validator sends, as a form or as JSON', async () => {
    const boundary = '7e3f1c9a5b2d48e6';
    const parts = Object.entries(fields).map(
      ([name, value]) =>
        `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
    );
    const bodies: [body: string, type: string][] = [
      [new URLSearchParams(fields).toString(), form],
      [`${parts.join('')}--${boundary}--\r\n`, `multipart/form-data; boundary=${boundary}`],
      [JSON.stringify(fields), 'application/json'],
      [JSON.stringify({ task_id: 'task-1', validator_uid: 3, evaluation_data: data }), 'application/json'],
    ];
    for (const [body, type] of bodies) {
      const answer = await ingest.send(path, body, type, { key });
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(answer.json, {
        success: true,
        message: 'Evaluation accepted',
        task_id: 'task-1',
        warnings: [],
      });
    }
    const evaluation = { validator_uid: 3, evaluation_data: data };
    assert.deepEqual(
      staged().map((event) => [event.taskId, event.evaluation]),
      bodies.map(() => ['task-1', evaluation]),
    );
    assert.equal(new Set(staged().map(({ stamp }) => stamp)).size, bodies.length);
  });

  it('takes 8 MiB, and no more', async () => {
    const rest = new URLSearchParams({ ...fields, evaluation_data: '' }).toString();
    const body = `${rest}${'A'.repeat(8 * 1024 * 1024 - rest.length)}`;
    assert.equal((await ingest.send(path, body, form, { key })).status, 200);
    assert.equal((await ingest.send(path, `${body}A`, form, { key })).status, 413);
    assert.equal(staged().length, 1);
  });

  it('takes a validator that does not know its uid, and keeps text that is no JSON and NaN as far as it can', async () => {
    const own = { ...fields, validator_uid: 'unknown' };
    await ingest.send(path, new URLSearchParams({ ...own, evaluation_data: "{'a': 1}" }).toString(), form, {
      key,
    });
    const answer = await ingest.post(path, { ...own, evaluation_data: '{"score": NaN}' }, { key });
    assert.match(answer.text, /evaluation_data.score/);
    assert.deepEqual(
      staged().map(({ evaluation }) => evaluation),
      [
        { validator_uid: 'unknown', evaluation_data: "{'a': 1}" },
        { validator_uid: 'unknown', evaluation_data: { score: null } },
      ],
    );
  });

  it('refuses what is none, with a detail that validators log', async () => {
    const wrong: [changes: object, detail: RegExp][] = [
      [{ task_id: undefined }, /task_id/],
      [{ task_id: 'a/b' }, /task_id/],
      [
        { validator_uid: undefined },
        /validator_uid: expected an integer from 0 to 65535 or unknown, got nothing/,
      ],
      [{ validator_uid: '-1' }, /validator_uid/],
      [{ validator_uid: 65_536 }, /validator_uid/],
      [{ validator_uid: 1.5 }, /validator_uid/],
      [{ validator_uid: 'Unknown' }, /validator_uid/],
      [{ evaluation_data: '' }, /evaluation_data/],
      [{ evaluation_data: null }, /evaluation_data/],
    ];
    for (const [changes, detail] of wrong) {
      const answer = await ingest.post(path, { ...fields, ...changes }, { key });
      assert.equal(answer.status, 400, JSON.stringify(changes));
      assert.match(String(answer.json?.['detail']), detail);
    }
    assert.deepEqual(staged(), []);
  });

  it('is for validators and proxies', async () => {
    const statuses = await Promise.all(
      ['validator-key', 'ingest-key', 'proxy-key', 'admin-key', 'miner-key', 'read-key', 'nobody'].map(
        async (own) => (await ingest.post(path, fields, { key: own })).status,
      ),
    );
    assert.deepEqual(statuses, [200, 200, 200, 200, 403, 403, 401]);
  });

  it('lets a key that is bound to uids speak for no other validator', async () => {
    const bound = { key: 'validator-3-key' };
    assert.equal((await ingest.post(path, fields, bound)).status, 200);
    for (const validator_uid of [4, 'unknown']) {
      const answer = await ingest.post(path, { ...fields, validator_uid }, bound);
      assert.equal(answer.status, 403);
      assert.match(String(answer.json?.['detail']), new RegExp(`validator ${validator_uid}`));
    }
    assert.equal(staged().length, 1);
  });

  it('says that it is not known to be kept where that is so', async () => {
    ingest.stager.failure = new AppError('unavailable', 'down');
    const answer = await ingest.post(path, fields, { key });
    assert.equal(answer.status, 503);
    assert.equal(answer.json?.['detail'], 'down');
  });
});
