import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type GetSignedUrlConfig, Storage } from '@google-cloud/storage';
import { bucketName, type Harness, startHarness } from './harness.ts';

const minuteMs = 60_000;
const name = "a b/(ü)!'*~.txt";

describe('Cloud Storage: signed addresses', () => {
  let harness: Harness;
  let signer: Storage;
  let keyFile: string;
  before(async () => {
    harness = await startHarness();
    keyFile = await harness.storage.keyFile('demo');
    signer = new Storage({ apiEndpoint: harness.origin, keyFilename: keyFile });
  });
  beforeEach(() => harness.bucket.file(name).save('hello', { resumable: false, contentType: 'text/plain' }));
  after(async () => {
    await harness.close();
    assert.equal(existsSync(keyFile), false);
  });

  const sign = async (more: Partial<GetSignedUrlConfig> = {}, object = name, by = signer) => {
    const nowMs = harness.clock.now();
    const [url] = await by
      .bucket(bucketName)
      .file(object)
      .getSignedUrl({
        version: 'v4',
        action: 'read',
        accessibleAt: nowMs,
        expires: nowMs + minuteMs,
        ...more,
      });
    return url;
  };
  const refused = async (answer: Response | Promise<Response>, status: number, code: string) => {
    const { status: actual, headers, text } = await read(await answer);
    assert.equal(actual, status, text);
    assert.match(headers.get('content-type') ?? '', /xml/);
    assert.ok(text.includes(`<Code>${code}</Code>`), text);
  };
  const read = async (answer: Response) => ({
    status: answer.status,
    headers: answer.headers,
    text: await answer.text(),
  });

  it('give the content, and ranges of it, with the type and name that they ask for', async () => {
    const url = await sign({ responseType: 'text/csv', promptSaveAs: 'x.csv' });
    const answer = await read(await fetch(url));
    assert.deepEqual([answer.status, answer.text], [200, 'hello']);
    assert.equal(answer.headers.get('content-type'), 'text/csv');
    assert.match(answer.headers.get('content-disposition') ?? '', /^attachment; filename="x\.csv"/);
    const part = await read(await fetch(url, { headers: { range: 'bytes=1-2' } }));
    assert.deepEqual([part.status, part.text], [206, 'el']);
    await refused(fetch(await sign({}, 'none')), 404, 'NoSuchKey');
  });

  it('take conditions on the tag, which is the MD5', async () => {
    const url = await sign();
    const tag = (await fetch(url)).headers.get('etag') ?? '';
    assert.equal(tag, '"5d41402abc4b2a76b9719d911017c592"');
    const get = async (headers: Record<string, string>) => read(await fetch(url, { headers }));
    assert.deepEqual((await get({ 'if-none-match': `"x", ${tag}` })).status, 304);
    assert.deepEqual((await get({ 'if-none-match': '"x"' })).text, 'hello');
    assert.deepEqual((await get({ 'if-match': '"x"' })).status, 412);
    assert.deepEqual((await get({ 'if-match': tag })).text, 'hello');
    assert.deepEqual((await get({ range: 'bytes=0-1', 'if-range': tag })).text, 'he');
    assert.deepEqual((await get({ range: 'bytes=0-1', 'if-range': '"x"' })).text, 'hello');
  });

  it('are refused unsigned, altered, for another object or method, and by keys unknown', async () => {
    const url = await sign();
    await refused(fetch(url.split('?')[0] ?? ''), 403, 'AccessDenied');
    const altered = (change: (url: URL) => void) => {
      const other = new URL(url);
      change(other);
      return fetch(other);
    };
    const mismatch = 'SignatureDoesNotMatch';
    await refused(
      altered((it) => it.searchParams.set('X-Goog-Expires', '3600')),
      403,
      mismatch,
    );
    await refused(
      altered((it) => it.searchParams.set('X-Goog-Signature', '00ff')),
      403,
      mismatch,
    );
    await refused(
      altered((it) => it.searchParams.set('response-content-type', 'text/html')),
      403,
      mismatch,
    );
    await refused(
      altered((it) => (it.pathname = `/${bucketName}/other`)),
      403,
      mismatch,
    );
    await refused(
      altered((it) => (it.hostname = 'localhost')),
      403,
      mismatch,
    );
    await refused(fetch(url, { method: 'PUT', body: 'x' }), 403, mismatch);
    await refused(fetch(url, { method: 'DELETE' }), 403, mismatch);
    assert.equal((await fetch(url, { method: 'HEAD' })).status, 403);
    const stranger = await startHarness();
    try {
      const keyFilename = await stranger.storage.keyFile('demo');
      const forged = await sign({}, name, new Storage({ apiEndpoint: harness.origin, keyFilename }));
      await refused(fetch(forged), 403, mismatch);
      const { private_key } = JSON.parse(await readFile(keyFilename, 'utf8')) as { private_key: string };
      const credentials = { client_email: 'other@demo.iam.gserviceaccount.com', private_key };
      const unknown = await sign({}, name, new Storage({ apiEndpoint: harness.origin, credentials }));
      await refused(fetch(unknown), 403, 'InvalidSecurity');
    } finally {
      await stranger.close();
    }
  });

  it('are refused where they are not what a signed address has to be', async () => {
    for (const [parameter, value] of [
      ['X-Goog-Date', 'yesterday'],
      ['X-Goog-Expires', '604801'],
      ['X-Goog-Algorithm', 'GOOG4-HMAC-SHA256'],
      ['X-Goog-Credential', 'local@demo.iam.gserviceaccount.com/20300101/auto/s3/goog4_request'],
      ['X-Goog-SignedHeaders', 'content-type'],
    ] as const) {
      const url = new URL(await sign());
      url.searchParams.set(parameter, value);
      await refused(fetch(url), 400, 'InvalidArgument');
    }
    await refused(fetch(await sign({ version: 'v2' })), 400, 'InvalidArgument');
  });

  it('take an upload of the signed type, size and labels only, and only where nothing is yet', async () => {
    const extensionHeaders = {
      'x-goog-content-length-range': '2,4',
      'x-goog-meta-owner': 'uid 7',
      'x-goog-if-generation-match': '0',
    };
    const url = await sign({ action: 'write', contentType: 'image/x', extensionHeaders }, 'up');
    const put = (body: string, headers: Record<string, string> = {}) =>
      fetch(url, {
        method: 'PUT',
        body,
        headers: { 'content-type': 'image/x', ...extensionHeaders, ...headers },
      });
    await refused(put('12345'), 400, 'EntityTooLarge');
    await refused(put('1'), 400, 'EntityTooSmall');
    await refused(put('123', { 'content-type': 'image/y' }), 403, 'SignatureDoesNotMatch');
    await refused(put('123', { 'x-goog-content-length-range': '0,9' }), 403, 'SignatureDoesNotMatch');
    await refused(put('123', { 'x-goog-meta-more': 'x' }), 403, 'MalformedSecurityHeader');
    await refused(put('123', { 'x-goog-hash': 'crc32c=AAAAAA==' }), 403, 'MalformedSecurityHeader');
    await refused(put('123', { 'content-md5': 'AAAA' }), 400, 'InvalidArgument');
    assert.equal((await put('123')).status, 200);
    const [metadata] = await harness.bucket.file('up').getMetadata();
    assert.deepEqual(
      [metadata.contentType, metadata.size, metadata.metadata],
      ['image/x', '3', { owner: 'uid 7' }],
    );
    await refused(put('456'), 412, 'PreconditionFailed');
  });

  it('open a resumable upload, whose size stays bounded, and delete', async () => {
    const extensionHeaders = { 'x-goog-content-length-range': '0,4' };
    const url = await sign({ action: 'resumable', contentType: 'image/x', extensionHeaders }, 'long');
    const open = async () => {
      const headers = { ...extensionHeaders, 'content-type': 'image/x', 'x-goog-resumable': 'start' };
      const opened = await fetch(url, { method: 'POST', headers });
      assert.equal(opened.status, 201);
      return opened.headers.get('location') ?? '';
    };
    const put = (address: string, body: string) => fetch(address, { method: 'PUT', body });
    await refused(put(await open(), '12345'), 400, 'EntityTooLarge');
    assert.equal((await put(await open(), '1234')).status, 200);
    assert.equal((await harness.bucket.file('long').getMetadata())[0].contentType, 'image/x');
    const gone = await fetch(await sign({ action: 'delete' }, 'long'), { method: 'DELETE' });
    assert.equal(gone.status, 204);
    assert.deepEqual(await harness.bucket.file('long').exists(), [false]);
  });

  it('begin and end by the clock', async () => {
    const url = await sign();
    const later = harness.clock.now() + 60 * minuteMs;
    await refused(
      fetch(await sign({ accessibleAt: later, expires: later + 1000 })),
      403,
      'RequestTimeTooSkewed',
    );
    harness.advance(minuteMs - 5_000);
    assert.equal((await fetch(url)).status, 200);
    harness.advance(7_000);
    await refused(fetch(url), 400, 'ExpiredToken');
    assert.equal((await fetch(await sign())).status, 200);
  });
});
