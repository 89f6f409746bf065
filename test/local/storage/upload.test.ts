import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { bucketName, codeOf, dayMs, type Harness, startHarness } from './harness.ts';

const granuleBytes = 256 * 1024;

describe('Cloud Storage: uploads', () => {
  let harness: Harness;

  beforeEach(async () => {
    harness = await startHarness();
  });
  afterEach(() => harness.close());

  const uploadUrl = (query: string) => `${harness.origin}/upload/storage/v1/b/${bucketName}/o?${query}`;
  const openSession = async (name: string, headers: Record<string, string> = {}, query = '') => {
    const url = uploadUrl(`uploadType=resumable&name=${name}${query}`);
    const opened = await fetch(url, { method: 'POST', headers });
    return { status: opened.status, uri: opened.headers.get('location') ?? '' };
  };
  const put = (
    uri: string,
    range: string,
    body: Uint8Array | string = '',
    headers: Record<string, string> = {},
  ) =>
    fetch(uri, { method: 'PUT', headers: { 'Content-Range': range, ...headers }, body, redirect: 'manual' });

  it('takes a body in one request, with its type', async () => {
    const response = await fetch(uploadUrl('uploadType=media&name=plain'), {
      method: 'POST',
      headers: { 'Content-Type': 'text/plain' },
      body: 'hello',
    });
    const resource = (await response.json()) as Record<string, string>;
    assert.equal(resource['size'], '5');
    assert.equal(resource['md5Hash'], createHash('md5').update('hello').digest('base64'));
    assert.equal(resource['crc32c'], 'mnG7TA==');
    assert.equal(resource['contentType'], 'text/plain');
  });

  for (const chunkSize of [undefined, granuleBytes]) {
    it(`takes a resumable upload through the client, in chunks of ${chunkSize ?? 'any size'}`, async () => {
      const content = randomBytes(3 * granuleBytes + 17);
      const file = harness.bucket.file('large');
      await file.save(content, {
        resumable: true,
        contentType: 'video/x',
        ...(chunkSize ? { chunkSize } : {}),
      });
      const [kept] = await file.download();
      assert.ok(kept.equals(content));
      const [metadata] = await file.getMetadata();
      assert.equal(metadata.contentType, 'video/x');
    });
  }

  it('takes empty objects each way', async () => {
    await harness.bucket.file('a').save('', { resumable: true });
    await harness.bucket.file('b').save('', { resumable: false });
    const [files] = await harness.bucket.getFiles();
    assert.deepEqual(
      files.map(({ metadata }) => metadata.size),
      ['0', '0'],
    );
  });

  it('keeps what arrived when an upload is cut off, and goes on from there', async () => {
    const content = randomBytes(3 * granuleBytes + 1000);
    const { uri } = await openSession('resumed', { 'X-Upload-Content-Type': 'image/x' });
    const cut = request(uri, {
      method: 'PUT',
      headers: {
        'content-length': content.length,
        'content-range': `bytes 0-${content.length - 1}/${content.length}`,
      },
    });
    cut.on('error', () => undefined);
    await new Promise((resolve) => cut.write(content.subarray(0, 2 * granuleBytes + 500), resolve));
    while (harness.storage.inFlight() === 0) await new Promise((resolve) => setImmediate(resolve));
    cut.destroy();
    while (harness.storage.inFlight() > 0) await new Promise((resolve) => setImmediate(resolve));
    const asked = await put(uri, 'bytes */*');
    assert.equal(asked.status, 308);
    const offset = Number(asked.headers.get('range')?.replace('bytes=0-', '')) + 1;
    assert.equal(offset, 2 * granuleBytes);
    assert.deepEqual(await harness.bucket.file('resumed').exists(), [false]);
    const writing = harness.bucket.file('resumed').createWriteStream({ uri, offset, validation: false });
    writing.end(content.subarray(offset));
    await once(writing, 'finish');
    const [kept] = await harness.bucket.file('resumed').download();
    assert.ok(kept.equals(content));
  });

  it('keeps whole granules of a chunk that is not the last, ignores what it has, refuses a gap', async () => {
    const content = randomBytes(2 * granuleBytes);
    const { uri } = await openSession('chunks');
    assert.equal((await put(uri, 'bytes */*')).headers.get('range'), null);
    const partial = await put(uri, `bytes 0-${granuleBytes + 9}/*`, content.subarray(0, granuleBytes + 10));
    assert.equal(partial.status, 308);
    assert.equal(partial.headers.get('range'), `bytes=0-${granuleBytes - 1}`);
    const total = content.length;
    assert.equal(
      (
        await put(
          uri,
          `bytes ${granuleBytes + 10}-${total - 1}/${total}`,
          content.subarray(granuleBytes + 10),
        )
      ).status,
      400,
    );
    const last = await put(uri, `bytes 1000-${total - 1}/${total}`, content.subarray(1000));
    assert.equal(last.status, 200);
    assert.ok((await harness.bucket.file('chunks').download())[0].equals(content));
    const again = await put(uri, `bytes */${total}`);
    assert.equal(again.status, 200);
    assert.equal(((await again.json()) as { name: string }).name, 'chunks');
  });

  it('refuses sizes that contradict what was declared, and leaves nothing behind', async () => {
    const { uri } = await openSession('short', { 'X-Upload-Content-Length': '6' });
    assert.equal((await put(uri, 'bytes 0-4/5', 'hello')).status, 400);
    const other = await openSession('short');
    assert.equal((await put(other.uri, 'bytes 0-9/10', 'hello')).status, 400);
    assert.equal((await put(other.uri, 'nonsense', 'hello')).status, 400);
    assert.deepEqual(await harness.bucket.file('short').exists(), [false]);
  });

  it('refuses content whose checksum is not the one that was sent', async () => {
    const md5 = createHash('md5').update('other').digest('base64');
    const wrong = { resumable: false, validation: false, metadata: { md5Hash: md5 } } as const;
    assert.equal(await codeOf(harness.bucket.file('x').save('hello', wrong)), 400);
    const { uri } = await openSession('x');
    const refused = await put(uri, 'bytes 0-4/5', 'hello', { 'X-Goog-Hash': 'crc32c=AAAAAA==' });
    assert.equal(refused.status, 400);
    assert.match(await refused.text(), /crc32c/);
    assert.deepEqual(await harness.bucket.file('x').exists(), [false]);
    const right = await openSession('x');
    assert.equal(
      (await put(right.uri, 'bytes 0-4/5', 'hello', { 'X-Goog-Hash': 'crc32c=mnG7TA==' })).status,
      200,
    );
  });

  it('checks preconditions when a session is opened and again when it ends', async () => {
    const { uri } = await openSession('late', {}, '&ifGenerationMatch=0');
    await harness.bucket.file('late').save('first', { resumable: false });
    assert.equal((await put(uri, 'bytes 0-4/5', 'hello')).status, 412);
    assert.equal((await openSession('late', {}, '&ifGenerationMatch=0')).status, 412);
    assert.equal((await harness.bucket.file('late').download())[0].toString(), 'first');
  });

  it('forgets a session that is cancelled or a week old, and never knew a made-up one', async () => {
    const cancelled = await openSession('a');
    assert.equal((await fetch(cancelled.uri, { method: 'DELETE' })).status, 499);
    assert.equal((await put(cancelled.uri, 'bytes */*')).status, 404);
    const old = await openSession('b');
    harness.advance(7 * dayMs);
    assert.equal((await put(old.uri, 'bytes 0-4/5', 'hello')).status, 410);
    assert.equal((await put(uploadUrl('uploadType=resumable&upload_id=none'), 'bytes */*')).status, 404);
    const older = await openSession('c');
    harness.advance(14 * dayMs);
    await openSession('d');
    assert.equal((await put(older.uri, 'bytes */*')).status, 404);
  });

  it('refuses broken multipart bodies and names that no object can have', async () => {
    const multipart = (body: string) =>
      fetch(uploadUrl('uploadType=multipart'), {
        method: 'POST',
        headers: { 'Content-Type': 'multipart/related; boundary="b"' },
        body,
      });
    const media = '--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b--';
    assert.equal((await multipart(`--b\r\n\r\n{"name":"ok"}\r\n${media}`)).status, 200);
    assert.equal((await multipart(`--b\r\n\r\n{"name":\r\n${media}`)).status, 400);
    assert.equal((await multipart(media)).status, 400);
    assert.equal((await multipart(`--b\r\n\r\n{}\r\n${media}`)).status, 400);
    assert.equal((await openSession('x'.repeat(1025))).status, 400);
    const [files] = await harness.bucket.getFiles();
    assert.deepEqual(
      files.map(({ name }) => name),
      ['ok'],
    );
  });
});
