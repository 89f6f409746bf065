import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type LocalStack, startStack } from '../../../local/stack.ts';
import { advanceUntil, callStack } from '../../support/advance.ts';
import { build } from '../../support/build.ts';

const root = join(import.meta.dirname, '../../..');
const hourMs = 3_600_000;
const unavailableCode = 14;

/** Two miners' texts, which stand nowhere else. */
export const hotkeys = { 7: '5SevenSevenSevenSeven', 8: '5EightEightEightEight' } as const;
type Uid = keyof typeof hotkeys;
export const secretOf = (uid: Uid): string => `words-of-miner-${uid}`;

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** A stack with the data of two miners in every place where there can be any. */
export interface Scene {
  stack: LocalStack;
  keys: Record<Uid, { id: string; key: string }>;
  call: (role: string, method: string, path: string, body?: unknown) => ReturnType<typeof callStack>;
  /** Runs a script against the stack. */
  run(script: string, ...args: string[]): Promise<Outcome>;
  /** Writes what waits, once nothing fails and the queue runs. */
  drain(): Promise<void>;
}

/**
 * Starts a stack. Miners 7 and 8 answered tasks `done` and `large` (a body of its own) and sent speech for `done` and
 * a small file; each has a dead letter. Answers to `late`, `spoken` (speech that a proxy
 * sent) and `batch` (in an object) wait in the paused queue, those to `spooled` in the spool.
 */
export async function startScene(): Promise<Scene> {
  build();
  const stack = await startStack({ ports: 'free', quiet: true });
  const call: Scene['call'] = (...given) => callStack(stack, ...given);
  const keys = { 7: await newKey(7), 8: await newKey(8) };
  const scene: Scene = { stack, keys, call, run, drain };

  async function newKey(uid: Uid): Promise<{ id: string; key: string }> {
    const wanted = { role: 'miner', uids: [uid], hotkeys: [hotkeys[uid]], label: `label of ${uid}` };
    const { json } = await call('admin', 'POST', '/v1/keys', wanted);
    return { id: String(json['id']), key: String(json['key']) };
  }

  function run(script: string, ...args: string[]): Promise<Outcome> {
    const env = { PATH: process.env['PATH'], ...stack.clientEnv };
    const given = [join(root, 'scripts', script), '--local', '--url', stack.urls.hosting, ...args];
    return new Promise((resolve) => {
      const child = execFile(process.execPath, given, { env, maxBuffer: 64 << 20 }, (_, stdout, stderr) =>
        resolve({ code: child.exitCode ?? -1, stdout, stderr }),
      );
    });
  }

  async function drain(): Promise<void> {
    stack.clearFaults();
    await call('admin', 'POST', '/v1/queue/resume');
    const isDrained = async (): Promise<boolean> => {
      await call('admin', 'POST', '/v1/flush');
      const { json } = await call('read', 'GET', '/v1/status?detail=true');
      const { tasks_in_buffer: waiting } = json['response_aggregator'] as Record<string, unknown>;
      return Object.keys(Object(waiting)).length === 0;
    };
    await advanceUntil(stack, isDrained, { stepMs: 10_000, steps: 30 });
  }

  const answer = (task_id: string, uid: Uid, more: object = {}) => ({
    task_id,
    miner_uid: uid,
    hotkey: hotkeys[uid],
    response_data: { text: secretOf(uid) },
    accuracy_score: uid / 10,
    ...more,
  });
  const send = async (key: string, path: string, body: unknown): Promise<void> => {
    const sent = await fetch(stack.urls.hosting + path, {
      method: 'POST',
      headers: { 'x-api-key': key, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    assert.ok(sent.ok, `${path} ${sent.status} ${await sent.text()}`);
  };

  const speak = async (key: string, taskId: string, uid: Uid): Promise<void> => {
    const form = new FormData();
    form.set('task_id', taskId);
    form.set('miner_uid', String(uid));
    form.set('hotkey', hotkeys[uid]);
    const sound = new Blob([`speech, ${secretOf(uid)}`], { type: 'audio/wav' });
    form.set('audio_file', sound, `${secretOf(uid)}.wav`);
    const path = '/api/v1/miner/tts/upload-audio';
    const spoken = await fetch(stack.urls.hosting + path, {
      method: 'POST',
      headers: { 'x-api-key': key },
      body: form,
    });
    assert.equal(spoken.status, 200, await spoken.text());
  };

  for (const task_id of ['done', 'large', 'late', 'batch', 'spoken', 'spooled']) {
    const fields = { task_id, task_type: 'tts', required_miner_count: 2, assigned_miners: [7, 8] };
    await send('local-ingest-key', '/v1/tasks?visibility=prompt', fields);
  }
  for (const uid of [7, 8] as const) {
    const large = { response_data: { text: secretOf(uid), long: 'x'.repeat(70_000) } };
    await send(keys[uid].key, '/v1/responses', { responses: [answer('large', uid, large)] });
    await speak(keys[uid].key, 'done', uid);
    const filed = await fetch(`${stack.urls.hosting}/v1/files`, {
      method: 'POST',
      headers: { 'x-api-key': keys[uid].key, 'x-file-name': 'a.txt', 'x-file-type': 'documents' },
      body: secretOf(uid),
    });
    assert.equal(filed.status, 201, await filed.text());
  }
  const isCompleted = async (): Promise<boolean> =>
    (await call('read', 'GET', '/v1/tasks/done')).json['status'] === 'completed' &&
    (await call('read', 'GET', '/v1/tasks/large')).json['status'] === 'completed';
  await advanceUntil(stack, isCompleted, { stepMs: 10_000, steps: 30 });
  await send('local-ingest-key', '/api/v1/validator/evaluation', {
    task_id: 'done',
    validator_uid: 3,
    evaluation_data: { best: { miner_uid: 7, hotkey: hotkeys[7] } },
  });
  await drain();

  // Too old once the pause is over.
  await call('admin', 'POST', '/v1/queue/pause', { until: new Date(stack.now() + 5 * hourMs).toISOString() });
  const oldMs = stack.now() - 45 * 24 * hourMs + 2 * hourMs;
  const lines = ([7, 8] as const).map((uid) => {
    const stamp = `${oldMs.toString(36).padStart(9, '0')}proxyone000${uid}`;
    return JSON.stringify({ type: 'response', stamp, ...answer('done', uid) });
  });
  const old = await fetch(`${stack.urls.hosting}/v1/events`, {
    method: 'POST',
    headers: { 'x-api-key': 'local-ingest-key', 'content-type': 'application/x-ndjson' },
    body: lines.join('\n'),
  });
  assert.equal(old.status, 202);
  await stack.advance(3 * hourMs);
  await drain();
  const letters = await call('admin', 'GET', '/v1/dead-letters');
  assert.equal((letters.json['dead_letters'] as unknown[]).length, 2);

  await call('admin', 'POST', '/v1/queue/pause', { until: new Date(stack.now() + 5 * hourMs).toISOString() });
  for (const uid of [7, 8] as const) {
    await send(keys[uid].key, '/v1/responses', { responses: [answer('late', uid)] });
  }
  // A proxy may have sent a miner's speech.
  for (const uid of [7, 8] as const) await speak('local-ingest-key', 'spoken', uid);
  // Together they fit no carrier, each by itself needs no body of its own.
  const noise = (): string => randomBytes(40_000).toString('base64');
  const batch = ([7, 8] as const).map((uid) =>
    answer('batch', uid, { response_data: { text: secretOf(uid), noise: noise() } }),
  );
  await send('local-ingest-key', '/v1/responses', { responses: batch });
  stack.addFault({
    ...{ service: 'tasks', method: 'CreateTask', code: unavailableCode },
    ...{ rate: 1, forMs: 4 * hourMs, phase: 'before' },
  });
  for (const uid of [7, 8] as const) {
    await send(keys[uid].key, '/v1/responses', { responses: [answer('spooled', uid)] });
  }
  return scene;
}
