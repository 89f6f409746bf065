import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { type LocalStack, startStack } from '../../../local/stack.ts';
import { advanceUntil, callStack } from '../../support/advance.ts';

/** Ten seconds are two ticks; a slow machine takes longer. */
const within = { stepMs: 5_000, steps: 48 };

describe('an existing validator, through Hosting', function () {
  this.timeout(120_000);
  let stack: LocalStack;

  before(async () => {
    stack = await startStack({ ports: 'free', quiet: true });
  });
  after(() => stack.close());

  /**
   * Calls as the validator's client does: a connection for each call, the key in the URL, which makes it Basic, success
   * is 200 alone. What is refused for now is asked again when the answer says.
   */
  const call = async (path: string, form?: Record<string, string>) => {
    for (;;) {
      const asked = request(stack.urls.hosting + path, {
        auth: `x:${stack.keys['validator']}`,
        agent: false,
        method: form === undefined ? 'GET' : 'POST',
        headers: {
          accept: '*/*',
          'accept-encoding': 'gzip, deflate',
          ...(form && { 'content-type': 'application/x-www-form-urlencoded' }),
        },
      });
      asked.end(form && new URLSearchParams(form).toString());
      const [answer] = (await once(asked, 'response')) as [IncomingMessage];
      const sent = await buffer(answer);
      const text = (answer.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent).toString();
      if (answer.statusCode !== 503) return { status: answer.statusCode, text };
      await stack.advance(Number(answer.headers['retry-after'] ?? 1) * 1000);
    }
  };
  const completed = async (): Promise<Record<string, unknown>[]> => {
    const { status, text } = await call('/api/v1/tasks/completed');
    assert.equal(status, 200, text);
    const tasks: unknown = JSON.parse(text);
    assert.ok(Array.isArray(tasks));
    return tasks as Record<string, unknown>[];
  };

  it('lists what is completed, evaluates it in megabytes, and has it leave the list', async () => {
    assert.deepEqual(await completed(), []);
    const task = {
      task_id: 't1',
      task_type: 'tts',
      required_miner_count: 1,
      input_text: 'Hallo',
      source_language: 'de',
    };
    const answer = {
      task_id: 't1',
      miner_uid: 7,
      response_data: { audio: 'A'.repeat(100_000) },
      accuracy_score: 0.9,
    };
    await callStack(stack, 'ingest', 'POST', '/v1/tasks?visibility=prompt', task);
    await callStack(stack, 'ingest', 'POST', '/v1/responses', answer);
    await advanceUntil(stack, async () => (await completed()).length === 1, within);
    const [listed] = await completed();
    assert.deepEqual(listed?.['input_text'], { text: 'Hallo', source_language: 'de' });
    const [given] = (listed?.['miner_responses'] ?? []) as { response_data: { output_data: unknown } }[];
    assert.deepEqual(given?.response_data.output_data, answer.response_data);

    // Speech as base64: a plus and a slash are three characters in a form.
    const output_data = { audio: 'ab+/'.repeat(700_000) };
    const data = {
      task_id: 't1',
      validator_uid: 3,
      evaluated_at: '2026-11-26T10:20:00',
      evaluation_data: {
        validator_uid: 3,
        task_type: 'tts',
        accuracy_score: 0.95,
        speed_score: 0,
        output_data,
      },
    };
    const form = { task_id: 't1', validator_uid: '3', evaluation_data: JSON.stringify(data) };
    for (let index = 0; index < 3; index += 1) {
      const { status, text } = await call('/api/v1/validator/evaluation', form);
      assert.equal(status, 200, text);
      assert.equal((JSON.parse(text) as Record<string, unknown>)['success'], true);
    }
    await advanceUntil(stack, async () => (await completed()).length === 0, within);
    const { json } = await callStack(stack, 'read', 'GET', '/v1/tasks/t1');
    assert.equal(json['status'], 'approved');
    const evaluations = json['evaluations'] as Record<string, { evaluation_data: unknown }>;
    assert.deepEqual(evaluations['3']?.evaluation_data, data);
    const { text } = await call('/api/v1/validator/3/evaluated_tasks');
    assert.deepEqual(JSON.parse(text), { evaluated_tasks: ['t1'] });
  });

  it('is told at once that free text names no file, at the cost of nothing', async () => {
    await call('/api/v1/files/none/download');
    stack.resetUsage();
    const texts = [
      'The quick brown fox, über 100 % jumps/over the lazy dog?',
      '../../etc',
      'a'.repeat(100),
      'x\ny',
    ];
    for (const text of texts) {
      const { status, text: answer } = await call(
        `/api/v1/files/${encodeURIComponent(text).slice(0, 100)}/download`,
      );
      assert.ok(status === 404 || (status === 400 && text.includes('%')), answer);
    }
    const { firestore, storage } = stack.usage();
    assert.deepEqual([firestore.reads, storage.class_a, storage.class_b], [0, 0, 0]);
  });

  it('sees that the proxy is well, without a key as well', async () => {
    assert.equal((await call('/api/v1/health')).status, 200);
    assert.equal((await fetch(`${stack.urls.hosting}/api/v1/health`)).status, 200);
  });
});
