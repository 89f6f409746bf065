import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { get } from 'node:http';
import { gzipSync } from 'node:zlib';
import { deleteApp, initializeApp } from 'firebase-admin/app';
import { getDownloadURL, getStorage } from 'firebase-admin/storage';
import { bucketName, codeOf, type Harness, startHarness } from './harness.ts';

describe('Cloud Storage: parts of lists and answers, and what is refused rather than left out', () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = await startHarness();
  });
  afterEach(() => harness.close());

  /** A request without a client's own headers. */
  const plainGet = (path: string, headers: Record<string, string> = {}) =>
    new Promise<{
      status: number;
      bytes: Buffer;
      encoding?: string | undefined;
      length?: string | undefined;
    }>((resolve, reject) => {
      const request = get(`${harness.origin}${path}`, { headers, agent: false }, async (response) => {
        const bytes = Buffer.concat(await response.toArray());
        resolve({
          status: response.statusCode ?? 0,
          bytes,
          encoding: response.headers['content-encoding'],
          length: response.headers['content-length'],
        });
      });
      request.on('error', reject);
    });

  describe('lists of buckets', () => {
    const names = async (query: object) =>
      (await harness.client.getBuckets(query))[0].map(({ name }) => name);

    it('hold only names with the prefix, in order and in pages', async () => {
      for (const name of ['run-b', 'other', 'run-a', 'run-c']) await harness.client.createBucket(name);
      assert.deepEqual(await names({ prefix: 'run-' }), ['run-a', 'run-b', 'run-c']);
      assert.deepEqual(await names({ prefix: 'none' }), []);
      const first = { prefix: 'run-', maxResults: 2, autoPaginate: false };
      const [page, next] = await harness.client.getBuckets(first);
      assert.deepEqual(
        page.map(({ name }) => name),
        ['run-a', 'run-b'],
      );
      const [rest, end] = await harness.client.getBuckets({ ...next, autoPaginate: false });
      assert.deepEqual(
        rest.map(({ name }) => name),
        ['run-c'],
      );
      assert.equal(end, null);
    });

    it('of deleted buckets are refused', async () => {
      assert.equal(await codeOf(harness.client.getBuckets({ softDeleted: true })), 501);
    });
  });

  it('refuses every setting of an object that is not here, and takes back what it said of it', async () => {
    const file = harness.bucket.file('a');
    const contexts = { custom: { team: { value: 'x' } } };
    assert.equal(await codeOf(file.save('x', { resumable: false, metadata: { contexts } })), 501);
    await file.save('x', { resumable: false });
    const url = `${harness.origin}/storage/v1/b/${bucketName}/o/a`;
    const change = async (method: string, body: unknown) =>
      (await fetch(url, { method, body: JSON.stringify(body) })).status;
    for (const setting of [
      { contexts },
      { acl: [{ entity: 'allUsers', role: 'READER' }] },
      { retention: {} },
    ]) {
      assert.equal(await change('PATCH', setting), 501, JSON.stringify(setting));
    }
    const [resource] = await file.getMetadata();
    assert.equal(await change('PUT', resource), 200);
  });

  it('keeps nothing with keys of the caller’s own, and reads nothing with them', async () => {
    const secret = harness.bucket.file('secret', { encryptionKey: randomBytes(32) });
    assert.equal(await codeOf(secret.save('x', { resumable: false })), 501);
    assert.equal(await codeOf(secret.save('x', { resumable: true })), 501);
    const kms = harness.bucket.file('kms', { kmsKeyName: 'projects/p/locations/us/keyRings/r/cryptoKeys/k' });
    assert.equal(await codeOf(kms.save('x', { resumable: false })), 501);
    assert.deepEqual((await harness.bucket.getFiles())[0], []);
    await harness.bucket.file('secret').save('x', { resumable: false });
    assert.equal(await codeOf(secret.download()), 501);
    assert.equal(await codeOf(secret.copy('copy')), 501);
  });

  describe('what is stored as gzip', () => {
    const content = Buffer.from('a'.repeat(5000));
    const save = (name: string, contentType: string, cacheControl?: string) =>
      harness.bucket.file(name).save(gzipSync(content), {
        resumable: false,
        metadata: { contentEncoding: 'gzip', contentType, ...(cacheControl && { cacheControl }) },
      });
    const read = (name: string, accept?: string) =>
      plainGet(
        `/storage/v1/b/${bucketName}/o/${name}?alt=media`,
        accept ? { 'accept-encoding': accept } : {},
      );

    it('comes unpacked, without a length, unless the caller takes gzip', async () => {
      await save('a.txt', 'text/plain');
      assert.deepEqual(await read('a.txt'), {
        status: 200,
        bytes: content,
        encoding: undefined,
        length: undefined,
      });
      const packed = await read('a.txt', 'gzip');
      assert.deepEqual([packed.encoding, packed.bytes], ['gzip', gzipSync(content)]);
      assert.equal(packed.length, String(packed.bytes.length));
    });

    it('is never sent doubly compressed', async () => {
      for (const type of ['image/png', 'application/gzip', 'video/mp4']) {
        await save('a', type);
        const { bytes, encoding } = await read('a', 'gzip');
        assert.deepEqual([bytes, encoding], [content, undefined], type);
      }
      assert.deepEqual((await harness.bucket.file('a').download())[0], content);
    });

    it('comes as it is where the object says no-transform', async () => {
      await save('a', 'text/plain', 'no-transform');
      assert.equal((await read('a')).encoding, 'gzip');
    });
  });

  describe('buckets', () => {
    it('say where they were said to be', async () => {
      const [bucket] = await harness.client.createBucket('elsewhere', { location: 'eu' });
      await bucket.setLabels({ a: '1' });
      const [{ location, locationType }] = await bucket.getMetadata();
      assert.deepEqual([location, locationType], ['EU', 'multi-region']);
    });

    it('have no labels and no CORS once the last is gone', async () => {
      await harness.bucket.setLabels({ a: '1' });
      await harness.bucket.deleteLabels();
      await harness.bucket.setCorsConfiguration([{ origin: ['*'], method: ['GET'] }]);
      await harness.bucket.setCorsConfiguration([]);
      const [metadata] = await harness.bucket.getMetadata();
      assert.deepEqual([metadata.labels, metadata.cors], [undefined, undefined]);
    });

    it('refuse every setting that is not here, and take back what they said of themselves', async () => {
      const url = `${harness.origin}/storage/v1/b/${bucketName}`;
      const change = async (method: string, body: unknown) =>
        (await fetch(url, { method, body: JSON.stringify(body) })).status;
      for (const setting of [
        { website: { mainPageSuffix: 'i.html' } },
        { logging: { logBucket: 'x' } },
        { iamConfiguration: { bucketPolicyOnly: { enabled: true } } },
        { rpo: 'ASYNC_TURBO' },
        { ipFilter: { mode: 'Enabled' } },
      ]) {
        assert.equal(await change('PATCH', setting), 501, JSON.stringify(setting));
      }
      await harness.bucket.setLabels({ a: '1' });
      const [resource] = await harness.bucket.getMetadata();
      assert.equal(await change('PUT', resource), 200);
      assert.deepEqual((await harness.bucket.getMetadata())[0].labels, { a: '1' });
      const retained = harness.client.createBucket('retained', { enableObjectRetention: true });
      assert.equal(await codeOf(retained), 501);
    });

    it('are read and deleted on conditions', async () => {
      await harness.client.createBucket('brief');
      const call = async (method: string, query: string) =>
        (await fetch(`${harness.origin}/storage/v1/b/brief?${query}`, { method })).status;
      assert.equal(await call('GET', 'ifMetagenerationMatch=99'), 412);
      assert.equal(await call('GET', 'ifMetagenerationMatch=1'), 200);
      assert.equal(await call('GET', 'ifMetagenerationNotMatch=1'), 304);
      assert.equal(await call('DELETE', 'ifMetagenerationMatch=99'), 412);
      assert.equal(await call('DELETE', 'ifMetagenerationMatch=1'), 204);
    });
  });

  describe('fields', () => {
    const answer = async (path: string) => {
      const response = await fetch(`${harness.origin}/storage/v1/b/${bucketName}${path}`);
      return [response.status, await response.json()] as const;
    };

    beforeEach(() =>
      harness.bucket.file('a').save('x', {
        resumable: false,
        metadata: { metadata: { kind: 'k', other: 'o' } },
      }),
    );

    it('name what the answer holds', async () => {
      const [files] = await harness.bucket.getFiles({ fields: 'items(name)' });
      assert.deepEqual(files, [{ name: 'a' }]);
      assert.deepEqual(await answer('/o/a?fields=name,metadata/kind'), [
        200,
        { name: 'a', metadata: { kind: 'k' } },
      ]);
      assert.deepEqual(await answer('/o/a?fields=metadata(other,kind),absent'), [
        200,
        { metadata: { kind: 'k', other: 'o' } },
      ]);
      assert.deepEqual(await answer('/o?fields=items/metadata/*'), [
        200,
        { items: [{ metadata: { kind: 'k', other: 'o' } }] },
      ]);
    });

    it('are no list of names: 400', async () => {
      for (const fields of ['items(name', ',', 'a//b', 'a)', '/a', 'a(']) {
        assert.equal((await answer(`/o?fields=${encodeURIComponent(fields)}`))[0], 400, fields);
      }
    });
  });

  it('gives an address to read by a download token, and 403 for any other', async () => {
    process.env['STORAGE_EMULATOR_HOST'] = harness.origin;
    const app = initializeApp({ projectId: 'demo', storageBucket: bucketName }, 'download');
    try {
      const file = getStorage(app).bucket().file('a b/ü');
      await file.save('x', { resumable: false });
      await assert.rejects(getDownloadURL(file), /No download token/);
      await file.setMetadata({ metadata: { firebaseStorageDownloadTokens: 'one,two' } });
      const url = new URL(await getDownloadURL(file));
      const read = async () => {
        const response = await fetch(url);
        return [response.status, response.status === 200 ? await response.text() : ''];
      };
      assert.deepEqual(await read(), [200, 'x']);
      url.searchParams.set('token', 'two');
      assert.deepEqual(await read(), [200, 'x']);
      url.searchParams.set('token', '');
      assert.deepEqual(await read(), [403, '']);
      url.searchParams.set('token', 'three');
      assert.deepEqual(await read(), [403, '']);
    } finally {
      delete process.env['STORAGE_EMULATOR_HOST'];
      await deleteApp(app);
    }
  });
});
