import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Storage } from '@google-cloud/storage';
import { type LocalStack, startStack } from '../../../local/stack.ts';
import { build } from '../../support/build.ts';

const minuteMs = 60_000;

/** The deployed functions sign with the key that the stack gives them, as production does through IAM. */
describe('Cloud Storage: addresses that the functions sign on the local stack', () => {
  let stack: LocalStack;
  let path: string;
  const bytes = randomBytes(1_500_000);
  before(async () => {
    build();
    stack = await startStack({ ports: 'free', quiet: true });
    const headers = { 'x-file-type': 'video', 'x-file-name': 'film.mp4', 'content-type': 'video/mp4' };
    const saved = await call('/v1/files', { method: 'POST', headers, body: bytes });
    assert.equal(saved.status, 201);
    const { file_id } = (await saved.json()) as { file_id: string };
    path = `/v1/files/${file_id}/content`;
  });
  after(() => stack.close());

  const call = (to: string, init: RequestInit = {}) => {
    const headers = {
      'x-api-key': stack.keys['admin'] ?? '',
      ...(init.headers as Record<string, string>),
    };
    return fetch(stack.urls.hosting + to, { ...init, headers, redirect: 'manual' });
  };
  const address = async (): Promise<string> => {
    const answer = await call(path);
    assert.equal(answer.status, 302);
    return answer.headers.get('location') ?? '';
  };

  const statusOf = async (url: string): Promise<number> => {
    const answer = await fetch(url);
    await answer.arrayBuffer();
    return answer.status;
  };

  it('give the bytes, whole and in ranges, without a key', async () => {
    const url = await address();
    const whole = await fetch(url);
    assert.equal(whole.status, 200);
    assert.equal(whole.headers.get('content-type'), 'video/mp4');
    assert.match(whole.headers.get('content-disposition') ?? '', /film\.mp4/);
    assert.deepEqual(Buffer.from(await whole.arrayBuffer()), bytes);
    const part = await fetch(url, { headers: { range: 'bytes=10-19' } });
    assert.equal(part.status, 206);
    assert.deepEqual(Buffer.from(await part.arrayBuffer()), bytes.subarray(10, 20));
  });

  it('end when the stack’s clock says so; those signed then work', async () => {
    const url = await address();
    await stack.advance(14 * minuteMs);
    assert.equal(await statusOf(url), 200);
    await stack.advance(2 * minuteMs);
    const past = await fetch(url);
    assert.equal(past.status, 400);
    assert.match(await past.text(), /<Code>ExpiredToken<\/Code>/);
    assert.equal(await statusOf(await address()), 200);
  });

  it('can be signed by whoever has the stack’s client environment', async () => {
    const { STORAGE_EMULATOR_HOST, GOOGLE_APPLICATION_CREDENTIALS } = stack.clientEnv;
    const keyFilename = GOOGLE_APPLICATION_CREDENTIALS ?? '';
    const client = new Storage({ apiEndpoint: STORAGE_EMULATOR_HOST ?? '', keyFilename });
    const file = client.bucket(`${stack.clientEnv['GCLOUD_PROJECT']}.firebasestorage.app`).file('mine');
    await file.save('mine', { resumable: false });
    const nowMs = stack.now();
    const [url] = await file.getSignedUrl({
      version: 'v4',
      action: 'read',
      accessibleAt: nowMs,
      expires: nowMs + minuteMs,
    });
    assert.equal(await (await fetch(url)).text(), 'mine');
  });
});
