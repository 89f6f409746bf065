import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { Storage } from '@google-cloud/storage';
import { bucketName, type Harness, startHarness } from './harness.ts';

describe('Cloud Storage: signed addresses', () => {
  let harness: Harness;
  let signer: Storage;

  before(async () => {
    harness = await startHarness();
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const credentials = { client_email: 'local@demo.iam.gserviceaccount.com', private_key: key };
    signer = new Storage({ apiEndpoint: harness.origin, projectId: 'demo', credentials });
    await harness.bucket.file('a b.txt').save('hello', { resumable: false, contentType: 'text/plain' });
  });
  after(() => harness.close());

  const sign = async (more: { responseType?: string; promptSaveAs?: string } = {}) => {
    const expires = harness.clock.now() + 60_000;
    const file = signer.bucket(bucketName).file('a b.txt');
    const [url] = await file.getSignedUrl({ version: 'v4', action: 'read', expires, ...more });
    return url;
  };

  it('give the content, with the type and name that they ask for', async () => {
    const answer = await fetch(await sign({ responseType: 'text/csv', promptSaveAs: 'x.csv' }));
    assert.equal(answer.status, 200);
    assert.equal(await answer.text(), 'hello');
    assert.equal(answer.headers.get('content-type'), 'text/csv');
    assert.match(answer.headers.get('content-disposition') ?? '', /^attachment; filename="x\.csv"/);
  });

  it('are refused without times, and for longer than seven days', async () => {
    for (const [name, value] of [
      ['X-Goog-Date', 'yesterday'],
      ['X-Goog-Expires', '604801'],
    ] as const) {
      const url = new URL(await sign());
      url.searchParams.set(name, value);
      assert.equal((await fetch(url)).status, 400);
    }
  });

  it('end by the clock', async () => {
    const url = await sign();
    harness.advance(62_000);
    const answer = await fetch(url);
    assert.equal(answer.status, 400);
    assert.match(await answer.text(), /expired/);
  });
});
