import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type LocalStack, startStack } from '../../../local/stack.ts';
import { bytesOf } from '../../files/support.ts';
import { build } from '../../support/build.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** The deployed functions, through Hosting, with the pipeline and the bucket's events behind them. */
describe('files on the local stack', () => {
  let stack: LocalStack;
  before(async () => {
    build();
    stack = await startStack({ ports: 'free', quiet: true });
    // Events are promised at least once, not once.
    stack.setEventsTwiceShare(1);
  });
  after(() => stack.close());

  const call = (path: string, init: RequestInit = {}, role = 'admin') => {
    const headers = { 'x-api-key': stack.keys[role] ?? '', ...(init.headers as Record<string, string>) };
    return fetch(stack.urls.hosting + path, { ...init, headers, redirect: 'manual' });
  };
  const json = async (answer: Response): Promise<Record<string, unknown>> =>
    (await answer.json()) as Record<string, unknown>;
  const ask = (body: object) =>
    call('/v1/files', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });

  /** Lets time pass until it is so; the test's timeout is the limit. */
  const until = async (isSo: () => Promise<boolean>): Promise<void> => {
    while (!(await isSo())) await stack.advance(5_000);
  };
  const listed = async (fileType: string): Promise<unknown[]> => {
    const { files } = await json(await call(`/v1/files?file_type=${fileType}`));
    return (files as Record<string, unknown>[]).map(({ file_id, status }) => [file_id, status]);
  };
  const isStored = async (fileType: string): Promise<boolean> =>
    JSON.stringify(await listed(fileType)).includes('stored');

  it('keeps a direct upload that is cut off and resumed; no byte of it passes a function', async () => {
    const bytes = bytesOf(3 * 1024 * 1024);
    const asked = await ask({
      file_name: 'film.mp4',
      content_type: 'video/mp4',
      size: bytes.length,
      file_type: 'video',
      sha256: sha256(bytes),
    });
    assert.equal(asked.status, 201);
    const { file_id: fileId, upload } = (await json(asked)) as {
      file_id: string;
      upload: { url: string; method: string };
    };
    // Through the pipeline, where a cold start on a busy machine takes longer than an upload waits for Firestore.
    await until(async () => (await json(await call(`/v1/files/${fileId}`)))['status'] === 'pending');
    assert.equal((await call(`/v1/files/${fileId}/content`)).status, 409);
    const first = 1024 * 1024;
    const part = await fetch(upload.url, {
      method: upload.method,
      headers: { 'content-range': `bytes 0-${first - 1}/${bytes.length}` },
      body: bytes.subarray(0, first),
    });
    assert.equal(part.status, 308);
    const asking = await fetch(upload.url, {
      method: 'PUT',
      headers: { 'content-range': `bytes */${bytes.length}` },
    });
    assert.equal(asking.headers.get('range'), `bytes=0-${first - 1}`);
    const rest = await fetch(upload.url, {
      method: 'PUT',
      headers: { 'content-range': `bytes ${first}-${bytes.length - 1}/${bytes.length}` },
      body: bytes.subarray(first),
    });
    assert.equal(rest.status, 200);
    await until(() => isStored('video'));
    const described = await json(await call(`/v1/files/${fileId}`));
    assert.equal(described['status'], 'stored');
    assert.equal(described['sha256'], sha256(bytes));
    assert.deepEqual(await listed('video'), [[fileId, 'stored']]);
    const got = await call(`/api/v1/files/${fileId}/download`, {}, 'miner');
    assert.deepEqual(Buffer.from(await got.arrayBuffer()), bytes);
    assert.equal((await call(`/v1/files/${fileId}`, { method: 'DELETE' })).status, 204);
    assert.equal((await call(`/v1/files/${fileId}`)).status, 404);
  });

  it('removes a direct upload whose hash is another', async () => {
    const bytes = bytesOf(50_000);
    const asked = await json(
      await ask({
        file_name: 'a.wav',
        content_type: 'audio/wav',
        size: bytes.length,
        file_type: 'audio',
        sha256: sha256(bytesOf(9)),
      }),
    );
    const upload = asked['upload'] as { url: string };
    await fetch(upload.url, { method: 'PUT', body: bytes });
    const look = async () => json(await call(`/v1/files/${String(asked['file_id'])}`));
    await until(async () => (await look())['status'] === 'failed');
    const described = await look();
    assert.match(String(described['reason']), /SHA-256/);
    assert.equal((await call(`/v1/files/${String(asked['file_id'])}/content`)).status, 404);
  });

  it('makes a file of a miner’s speech, at once and once, and refers to it from the task', async () => {
    const sound = bytesOf(40_000);
    const send = () => {
      const form = new FormData();
      for (const [name, value] of Object.entries({ task_id: 'speech-1', miner_uid: '7' }))
        form.set(name, value);
      for (const name of ['processing_time', 'accuracy_score', 'speed_score']) form.set(name, '0.5');
      form.set('audio_file', new Blob([sound], { type: 'audio/wav' }), '0a1b2c3d.wav');
      return call('/api/v1/miner/tts/upload-audio', { method: 'POST', body: form }, 'miner');
    };
    const sent = await send();
    const answer = await json(sent);
    assert.equal(sent.status, 200, JSON.stringify(answer));
    const got = await call(String(answer['file_url']), {}, 'miner');
    assert.equal(got.headers.get('content-type'), 'audio/wav');
    assert.deepEqual(Buffer.from(await got.arrayBuffer()), sound);
    assert.deepEqual(await json(await send()), answer);
    await until(() => isStored('tts'));
    await until(async () => (await call('/v1/tasks/speech-1')).status === 200);
    const task = await json(await call('/v1/tasks/speech-1'));
    const responses = Object.values(task['miner_responses'] as Record<string, Record<string, unknown>>);
    assert.deepEqual(
      responses.map(({ response_data }) => response_data),
      [{ audio_file: answer['audio_file'], file_url: answer['file_url'] }],
    );
    assert.equal((await listed('tts')).length, 1);
  });

  it('shows figures of them', async () => {
    await call('/v1/files', { method: 'POST', headers: { 'x-file-type': 'audio' }, body: bytesOf(100) });
    await stack.advance(61_000);
    const status = await json(await call('/v1/status'));
    const figures = status['file_manager'] as Record<string, unknown>;
    assert.equal(figures['firestore_files'], 1);
    assert.equal(figures['total_files'], 2);
    assert.deepEqual((figures['local_storage'] as Record<string, unknown>)['tts_audio'], {
      files: 1,
      bytes: 40_000,
    });
  });
});
