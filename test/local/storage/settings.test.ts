import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BucketMetadata, Storage } from '@google-cloud/storage';
import { bucketName, codeOf, dayMs, type Harness, startHarness } from './harness.ts';

describe('Cloud Storage: holds, composed objects, settings, other origins', () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = await startHarness();
  });
  afterEach(() => harness.close());

  const save = async (name: string, content = name) => {
    const file = harness.bucket.file(name);
    await file.save(content, { resumable: false, contentType: 'text/plain' });
    return file;
  };
  const messageOf = async (call: Promise<unknown>): Promise<string> => {
    const error = await call.then(
      () => new Error('nothing failed'),
      (reason: Error) => reason,
    );
    return error.message;
  };

  for (const [hold, label] of [
    ['temporaryHold', /Temporary hold/],
    ['eventBasedHold', /Event-Based hold/],
  ] as const) {
    it(`keeps what has a ${hold} from every way to delete or replace it, until it is released`, async () => {
      const file = await save('held', 'kept');
      await harness.bucket.setMetadata({
        lifecycle: { rule: [{ action: { type: 'Delete' }, condition: { age: 1 } }] },
      });
      await file.setMetadata({ [hold]: true });
      const other = await save('other');
      assert.equal(await codeOf(file.delete()), 403);
      assert.match(await messageOf(file.delete()), label);
      assert.equal(await codeOf(save('held')), 403);
      assert.equal(await codeOf(file.save('new', { resumable: true })), 403);
      assert.equal(await codeOf(other.copy('held')), 403);
      assert.equal(await codeOf(harness.bucket.combine(['other'], 'held')), 403);
      await file.setMetadata({ cacheControl: 'no-store' });
      const [copy] = await file.copy('copy');
      await copy.delete();
      harness.advance(2 * dayMs);
      harness.storage.runLifecycle();
      assert.deepEqual(
        (await harness.bucket.getFiles())[0].map(({ name, metadata }) => [name, metadata[hold]]),
        [['held', true]],
      );
      assert.equal((await file.download())[0].toString(), 'kept');
      await file.setMetadata({ [hold]: false });
      await file.delete();
    });
  }

  it('begins new objects with an event-based hold where the bucket says so', async () => {
    await harness.bucket.setMetadata({ defaultEventBasedHold: true });
    const file = await save('new');
    assert.equal((await file.getMetadata())[0].eventBasedHold, true);
    assert.equal(await codeOf(file.delete()), 403);
    await harness.bucket.setMetadata({ defaultEventBasedHold: false });
    assert.equal((await (await save('later')).getMetadata())[0].eventBasedHold, undefined);
  });

  it('composes objects, which stay, in their order and again', async () => {
    for (const name of ['1', '2', '3']) await save(name, `<${name}>`);
    const whole = harness.bucket.file('whole.txt');
    harness.storage.resetUsage();
    await harness.bucket.combine(['2', '1'], whole);
    assert.deepEqual(harness.storage.usage(), { class_a: 1, class_b: 0 });
    await harness.bucket.combine([whole, harness.bucket.file('3')], whole);
    assert.equal((await whole.download())[0].toString(), '<2><1><3>');
    const [metadata] = await whole.getMetadata();
    assert.deepEqual(
      [metadata.componentCount, metadata.md5Hash, metadata.contentType],
      [3, undefined, 'text/plain'],
    );
    assert.ok(metadata.crc32c);
    assert.equal(harness.events.filter(({ type }) => type.endsWith('finalized')).length, 5);
    assert.equal((await harness.bucket.getFiles())[0].length, 4);
  });

  it('composes nothing of what is not there, too much, or not at its generation', async () => {
    const file = await save('1');
    const before = harness.bucket.file('1', { generation: Number(file.metadata.generation) });
    await save('1', 'newer');
    const whole = harness.bucket.file('whole.txt');
    assert.equal(await codeOf(harness.bucket.combine(['1', 'none'], whole)), 404);
    assert.equal(await codeOf(harness.bucket.combine([before], whole)), 404);
    assert.equal(
      await codeOf(
        harness.bucket.combine(
          Array.from({ length: 33 }, () => '1'),
          whole,
        ),
      ),
      400,
    );
    assert.deepEqual(await whole.exists(), [false]);
    await save('whole.txt');
    assert.equal(await codeOf(harness.bucket.combine(['1'], whole, { ifGenerationMatch: 0 })), 412);
    const empty = await fetch(`${harness.origin}/storage/v1/b/${bucketName}/o/whole.txt/compose`, {
      method: 'POST',
      body: '{}',
    });
    assert.equal(empty.status, 400);
  });

  it('says 501 to what it does not have, and changes nothing then', async () => {
    const settings: BucketMetadata[] = [
      { versioning: { enabled: true } },
      { retentionPolicy: { retentionPeriod: 60 } } as BucketMetadata,
      { storageClass: 'NEARLINE' },
      { billing: { requesterPays: true } },
      { softDeletePolicy: { retentionDurationSeconds: 604_800 } } as BucketMetadata,
    ];
    const [before] = await harness.bucket.getMetadata();
    for (const change of settings) {
      const call = harness.bucket.setMetadata({ ...change, labels: { a: 'b' } });
      assert.equal(await codeOf(call), 501, JSON.stringify(change));
    }
    assert.deepEqual((await harness.bucket.getMetadata())[0], before);
    const versioned = harness.client.createBucket('versioned', { versioning: { enabled: true } });
    assert.equal(await codeOf(versioned), 501);
    assert.deepEqual(await harness.client.bucket('versioned').exists(), [false]);
    const file = await save('kept');
    const retention = {
      mode: 'Locked',
      retainUntilTime: new Date(harness.clock.now() + dayMs).toISOString(),
    };
    assert.equal(await codeOf(file.setMetadata({ retention })), 501);
    assert.equal(await codeOf(file.setStorageClass('ARCHIVE')), 501);
    assert.equal(await codeOf(harness.bucket.getFiles({ matchGlob: '**' })), 501);
    await harness.bucket.setMetadata({
      versioning: { enabled: false },
      retentionPolicy: null,
    } as BucketMetadata);
  });

  it('keeps labels and a metageneration of the bucket', async () => {
    await harness.bucket.setLabels({ team: 'a', kind: 'x' });
    await harness.bucket.setMetadata({ labels: { kind: null } }, { ifMetagenerationMatch: 2 });
    const [{ labels, metageneration }] = await harness.bucket.getMetadata();
    assert.deepEqual([labels, metageneration], [{ team: 'a' }, '3']);
    const late = harness.bucket.setMetadata({ labels: { team: 'b' } }, { ifMetagenerationMatch: 2 });
    assert.equal(await codeOf(late), 412);
  });

  it('keeps holds, composed objects and settings in a snapshot', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'storage-snapshot-'));
    const next = await startHarness();
    try {
      await harness.bucket.setMetadata({ labels: { a: 'b' }, cors: [{ origin: ['*'], method: ['GET'] }] });
      await save('1');
      await harness.bucket.combine(['1', '1'], 'twice');
      await harness.bucket.file('1').setMetadata({ temporaryHold: true });
      await harness.storage.exportState(directory);
      await next.storage.importState(directory);
      assert.equal(await codeOf(next.bucket.file('1').delete()), 403);
      assert.equal((await next.bucket.file('twice').download())[0].toString(), '11');
      const [twice] = await next.bucket.file('twice').getMetadata();
      assert.deepEqual([twice.componentCount, twice.md5Hash], [2, undefined]);
      const [{ labels, cors }] = await next.bucket.getMetadata();
      assert.deepEqual([labels, cors], [{ a: 'b' }, [{ origin: ['*'], method: ['GET'] }]]);
    } finally {
      await next.close();
      await rm(directory, { recursive: true });
    }
  });

  it('opens a resumable session to the page whose origin it was made for', async () => {
    const page = 'https://app.example';
    const [uri] = await harness.bucket.file('from-page').createResumableUpload({ origin: page });
    const preflight = await fetch(uri, {
      method: 'OPTIONS',
      headers: {
        origin: page,
        'access-control-request-method': 'PUT',
        'access-control-request-headers': 'content-range',
      },
    });
    assert.equal(preflight.status, 200);
    assert.equal(preflight.headers.get('access-control-allow-origin'), page);
    assert.match(preflight.headers.get('access-control-allow-methods') ?? '', /PUT/);
    assert.match(preflight.headers.get('access-control-allow-headers') ?? '', /content-range/);
    const put = (origin: string, range: string, body = '') =>
      fetch(uri, { method: 'PUT', headers: { origin, 'content-range': range }, body });
    const asked = await put(page, 'bytes */*');
    assert.deepEqual([asked.status, asked.headers.get('access-control-allow-origin')], [308, page]);
    assert.match(asked.headers.get('access-control-expose-headers') ?? '', /Range/);
    const wrong = await put(page, 'nonsense');
    assert.deepEqual([wrong.status, wrong.headers.get('access-control-allow-origin')], [400, page]);
    const elsewhere = await put('https://evil.example', 'bytes */*');
    assert.equal(elsewhere.headers.get('access-control-allow-origin'), page);
    const [closed] = await harness.bucket.file('no-page').createResumableUpload();
    const refused = await fetch(closed, { method: 'PUT', headers: { origin: page }, body: 'x' });
    assert.equal(refused.headers.get('access-control-allow-origin'), null);
  });

  it('lets the pages that the bucket names read signed addresses', async () => {
    const page = 'https://app.example';
    await harness.bucket.setCorsConfiguration([
      { origin: [page], method: ['GET'], responseHeader: ['Content-Type'], maxAgeSeconds: 60 },
    ]);
    await save('seen');
    const auth = { keyFilename: await harness.storage.keyFile('demo') };
    const signer = new Storage({ apiEndpoint: harness.origin, ...auth });
    const [url] = await signer
      .bucket(bucketName)
      .file('seen')
      .getSignedUrl({
        version: 'v4',
        action: 'read',
        expires: harness.clock.now() + 60_000,
      });
    const allowed = async (origin: string, method = 'GET') => {
      const answer = await fetch(url, {
        method,
        headers: { origin, 'access-control-request-method': 'GET' },
      });
      await answer.arrayBuffer();
      return [answer.status, answer.headers.get('access-control-allow-origin')];
    };
    assert.deepEqual(await allowed(page), [200, page]);
    assert.deepEqual(await allowed(page, 'OPTIONS'), [200, page]);
    assert.deepEqual(await allowed('https://evil.example'), [200, null]);
    assert.deepEqual(await allowed('https://evil.example', 'OPTIONS'), [200, null]);
    await harness.bucket.setCorsConfiguration([]);
    assert.deepEqual(await allowed(page), [200, null]);
  });
});
