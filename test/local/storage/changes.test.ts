import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { type BucketMetadata, type FileMetadata, Storage } from '@google-cloud/storage';
import { bucketName, codeOf, dayMs, type Harness, startHarness } from './harness.ts';

describe('Cloud Storage: reading, changing, billing', () => {
  let harness: Harness;

  beforeEach(async () => {
    harness = await startHarness();
  });
  afterEach(() => harness.close());

  const save = async (name: string, content: string = name, metadata: FileMetadata = {}) => {
    const file = harness.bucket.file(name);
    await file.save(content, { resumable: false, contentType: 'text/plain', metadata });
    return file;
  };
  const mediaUrl = (name: string) => `${harness.origin}/storage/v1/b/${bucketName}/o/${name}?alt=media`;

  it('serves ranges', async () => {
    const file = await save('digits', '0123456789');
    const read = async (range: { start?: number; end?: number }) =>
      (await file.download(range))[0].toString();
    assert.equal(await read({ start: 2, end: 4 }), '234');
    assert.equal(await read({ start: 7 }), '789');
    assert.equal(await read({ start: 8, end: 99 }), '89');
    const raw = (range: string) => fetch(mediaUrl('digits'), { headers: { range } });
    const tail = await raw('bytes=-3');
    assert.equal(tail.status, 206);
    assert.equal(tail.headers.get('content-range'), 'bytes 7-9/10');
    assert.equal(await tail.text(), '789');
    assert.equal((await raw('bytes=10-')).status, 416);
    assert.equal((await raw('bytes=5-2')).status, 200);
    assert.equal((await raw('lines=1-2')).status, 200);
  });

  it('serves the type that is stored, and gzip to those who take it', async () => {
    await save('a/b', 'text');
    const direct = await fetch(mediaUrl('a%2Fb'));
    assert.equal(await direct.text(), 'text');
    assert.equal(direct.headers.get('content-type'), 'text/plain');
    const file = harness.bucket.file('z');
    await file.save(gzipSync('packed'), { resumable: false, metadata: { contentEncoding: 'gzip' } });
    const plain = await fetch(mediaUrl('z'), { headers: { 'accept-encoding': 'identity' } });
    assert.equal(plain.headers.get('content-encoding'), null);
    assert.equal(await plain.text(), 'packed');
    const packed = await fetch(mediaUrl('z'), { headers: { 'accept-encoding': 'gzip' } });
    assert.equal(packed.headers.get('content-encoding'), 'gzip');
    assert.equal(await packed.text(), 'packed');
  });

  it('writes, reads and deletes only under the preconditions', async () => {
    const file = harness.bucket.file('guarded');
    const once = { resumable: false, preconditionOpts: { ifGenerationMatch: 0 } };
    await file.save('one', once);
    assert.equal(await codeOf(file.save('two', once)), 412);
    const generation = Number(file.metadata.generation);
    const next = { resumable: false, preconditionOpts: { ifGenerationMatch: generation } };
    await file.save('two', next);
    assert.equal(await codeOf(file.save('three', next)), 412);
    const later = Number(file.metadata.generation);
    assert.ok(later > generation);
    assert.equal(await codeOf(harness.bucket.file('guarded', { generation }).getMetadata()), 404);
    assert.equal(
      (await harness.bucket.file('guarded', { generation: later }).download())[0].toString(),
      'two',
    );
    assert.equal(await codeOf(file.setMetadata({ cacheControl: 'x' }, { ifMetagenerationMatch: 2 })), 412);
    await file.setMetadata({ cacheControl: 'x' }, { ifMetagenerationMatch: 1 });
    assert.equal(await codeOf(file.delete({ ifGenerationMatch: generation })), 412);
    assert.equal(await codeOf(file.delete({ ifMetagenerationNotMatch: 2 })), 412);
    const read = (query: string) => fetch(`${mediaUrl('guarded')}&${query}`);
    assert.equal((await read(`ifGenerationNotMatch=${later}`)).status, 304);
    assert.equal((await read('ifMetagenerationNotMatch=2')).status, 304);
    assert.equal(await (await read(`ifGenerationNotMatch=${generation}`)).text(), 'two');
    await file.delete({ ifGenerationMatch: later });
  });

  it('answers 412 for absent objects only where one is written', async () => {
    const file = harness.bucket.file('absent');
    assert.equal(
      await codeOf(file.save('x', { resumable: false, preconditionOpts: { ifGenerationMatch: 5 } })),
      412,
    );
    assert.equal(await codeOf(file.delete({ ifGenerationMatch: 5 })), 404);
  });

  it('changes metadata by key, keeps content and generation, counts the metageneration', async () => {
    const file = await save('m', 'body', { metadata: { a: '1', b: '2' } });
    const { generation } = file.metadata;
    await file.setMetadata({ cacheControl: 'no-store', metadata: { a: null, c: '3' } });
    const [changed] = await file.getMetadata();
    assert.deepEqual(changed.metadata, { b: '2', c: '3' });
    assert.deepEqual([changed.cacheControl, changed.contentType], ['no-store', 'text/plain']);
    assert.equal(changed.metageneration, '2');
    assert.equal(changed.generation, generation);
    assert.equal((await file.download())[0].toString(), 'body');
    assert.equal(await codeOf(file.setMetadata({ metadata: { big: 'x'.repeat(8193) } })), 400);
    await save('m', 'new');
    assert.equal((await file.getMetadata())[0].metadata, undefined);
  });

  it('moves a custom time forward only', async () => {
    const at = (day: number) => new Date(Date.UTC(2030, 0, day)).toISOString();
    const file = await save('t', 't', { customTime: at(2) });
    await file.setMetadata({ customTime: at(2) });
    await file.setMetadata({ customTime: at(3) });
    assert.equal(await codeOf(file.setMetadata({ customTime: at(1) })), 400);
    assert.equal(await codeOf(file.setMetadata({ customTime: 'soon' })), 400);
    assert.equal((await file.getMetadata())[0].customTime, at(3));
  });

  it('copies with metadata, and with other metadata when asked', async () => {
    const source = await save('from', 'copied', { metadata: { a: '1' } });
    const [same] = await source.copy('to');
    assert.deepEqual((await same.getMetadata())[0].metadata, { a: '1' });
    assert.equal((await same.download())[0].toString(), 'copied');
    const [other] = await source.copy('to2', { metadata: { b: '2' }, contentType: 'x/y' });
    const [metadata] = await other.getMetadata();
    assert.deepEqual([metadata.metadata, metadata.contentType], [{ b: '2' }, 'x/y']);
    const guarded = source.copy('to', { preconditionOpts: { ifGenerationMatch: 0 } });
    assert.equal(await codeOf(guarded), 412);
    assert.equal(await codeOf(harness.bucket.file('none').copy('to3')), 404);
  });

  it('deletes by age and by days since the custom time, under the rule prefix only', async () => {
    await harness.bucket.setMetadata({
      lifecycle: {
        rule: [
          { action: { type: 'Delete' }, condition: { daysSinceCustomTime: 60, matchesPrefix: ['bodies/'] } },
          { action: { type: 'Delete' }, condition: { age: 90, matchesPrefix: ['old/'] } },
        ],
      },
    });
    const inDays = (days: number) => new Date(harness.clock.now() + days * dayMs).toISOString();
    await save('bodies/now', 'x', { customTime: inDays(0) });
    await save('bodies/later', 'x', { customTime: inDays(30) });
    await save('bodies/never');
    await save('old/a');
    await save('kept', 'x', { customTime: inDays(0) });
    const names = async () => (await harness.bucket.getFiles())[0].map(({ name }) => name);
    harness.advance(60 * dayMs - 60_000);
    assert.equal((await names()).length, 5);
    harness.advance(60_000);
    harness.storage.runLifecycle();
    assert.deepEqual(await names(), ['bodies/later', 'bodies/never', 'kept', 'old/a']);
    harness.advance(30 * dayMs);
    assert.deepEqual(await names(), ['bodies/never', 'kept']);
    await save('past/a');
    const tomorrow = new Date(harness.clock.now() + dayMs).toISOString().slice(0, 10);
    const rule = (condition: object, prefix: string) => ({
      action: { type: 'Delete' as const },
      condition: { ...condition, matchesPrefix: [prefix] },
    });
    await harness.bucket.setMetadata({
      lifecycle: { rule: [rule({ isLive: false }, 'bodies/'), rule({ createdBefore: tomorrow }, 'past/')] },
    });
    harness.storage.runLifecycle();
    assert.deepEqual(await names(), ['bodies/never', 'kept']);
    const unknown = { rule: [{ action: { type: 'Delete' }, condition: { numNewerVersions: 3 } }] };
    const refused = harness.bucket.setMetadata({
      lifecycle: unknown as NonNullable<BucketMetadata['lifecycle']>,
    });
    assert.equal(await codeOf(refused), 400);
    assert.equal((await harness.bucket.getMetadata())[0].lifecycle?.rule?.length, 2);
  });

  it('makes and deletes buckets', async () => {
    const [made] = await harness.client.createBucket('second-bucket');
    assert.equal(await codeOf(harness.client.createBucket('second-bucket')), 409);
    assert.equal(await codeOf(harness.client.createBucket('Not A Name')), 400);
    const [buckets] = await harness.client.getBuckets();
    assert.deepEqual(
      buckets.map(({ name }) => name),
      [bucketName, 'second-bucket'],
    );
    await made.file('x').save('x', { resumable: false });
    assert.equal(await codeOf(made.delete()), 409);
    await made.file('x').delete();
    await made.delete();
    assert.deepEqual(await made.exists(), [false]);
  });

  it('tells of what is finalized, changed, overwritten and deleted', async () => {
    const file = await save('e', 'one');
    await file.setMetadata({ metadata: { a: '1' } });
    await save('e', 'two');
    await file.delete();
    const seen = harness.events.map(({ type, object }) => [
      type.split('.').at(-1),
      object['size'],
      object['name'],
    ]);
    assert.deepEqual(seen, [
      ['finalized', '3', 'e'],
      ['metadataUpdated', '3', 'e'],
      ['deleted', '3', 'e'],
      ['finalized', '3', 'e'],
      ['deleted', '3', 'e'],
    ]);
    assert.notEqual(harness.events[0]?.object['generation'], harness.events[3]?.object['generation']);
  });

  it('bills writes and lists as class A, reads as class B, deletes and failures not at all', async () => {
    const usage = async (work: () => Promise<unknown>) => {
      harness.storage.resetUsage();
      await work();
      return harness.storage.usage();
    };
    const file = harness.bucket.file('u');
    const classA = { class_a: 1, class_b: 0 };
    const classB = { class_a: 0, class_b: 1 };
    assert.deepEqual(await usage(() => file.save('x', { resumable: false })), classA);
    assert.deepEqual(await usage(() => file.save('x', { resumable: true })), classA);
    assert.deepEqual(await usage(() => harness.bucket.getFiles()), classA);
    assert.deepEqual(await usage(() => file.setMetadata({ metadata: { a: '1' } })), classA);
    assert.deepEqual(await usage(() => file.copy('v')), classA);
    assert.deepEqual(await usage(() => file.getMetadata()), classB);
    assert.deepEqual(await usage(() => file.download()), classB);
    assert.deepEqual(await usage(() => file.delete()), { class_a: 0, class_b: 0 });
    assert.deepEqual(await usage(() => codeOf(file.getMetadata())), { class_a: 0, class_b: 0 });
  });

  it('fails calls with the asked status, before or after they took effect', async () => {
    const fault = { service: 'storage', rate: 1, forMs: 60_000, method: 'POST' } as const;
    harness.faults.add({ ...fault, code: 503, phase: 'before' });
    assert.equal(await codeOf(save('f')), 503);
    assert.deepEqual(await harness.bucket.file('f').exists(), [false]);
    harness.faults.clear();
    harness.faults.add({ ...fault, code: 500, phase: 'after' });
    assert.equal(await codeOf(save('f')), 500);
    assert.deepEqual(await harness.bucket.file('f').exists(), [true]);
    harness.advance(60_000);
    await save('g');
  });

  it('is found through STORAGE_EMULATOR_HOST as well, where paths have no version', async () => {
    const response = await fetch(`${harness.origin}/b/${bucketName}/o`);
    assert.deepEqual(await response.json(), { kind: 'storage#objects', items: [], prefixes: [] });
    const before = process.env['STORAGE_EMULATOR_HOST'];
    process.env['STORAGE_EMULATOR_HOST'] = harness.origin;
    try {
      const bucket = new Storage({ projectId: 'demo' }).bucket(bucketName);
      await bucket.file('a/b').save('x', { resumable: true });
      await bucket.file('c').save('y', { resumable: false });
      assert.equal((await bucket.file('a/b').download())[0].toString(), 'x');
      assert.equal((await bucket.getFiles())[0].length, 2);
    } finally {
      if (before === undefined) delete process.env['STORAGE_EMULATOR_HOST'];
      else process.env['STORAGE_EMULATOR_HOST'] = before;
    }
  });

  it('answers errors in the shape of the JSON API', async () => {
    const response = await fetch(`${harness.origin}/storage/v1/b/${bucketName}/o/none`);
    const { error } = (await response.json()) as {
      error: { code: number; message: string; errors: object[] };
    };
    assert.equal(error.code, 404);
    assert.deepEqual(error.errors, [{ message: error.message, domain: 'global', reason: 'notFound' }]);
    await save('x');
    const object = `${harness.origin}/storage/v1/b/${bucketName}/o/x`;
    for (const query of ['generation=new', 'ifGenerationMatch=-1', 'ifMetagenerationMatch=1.5']) {
      assert.equal((await fetch(`${object}?${query}`)).status, 400, query);
    }
    assert.equal((await fetch(`${harness.origin}/storage/v1/b/${bucketName}/o?maxResults=many`)).status, 400);
    const requests = [
      fetch(`${harness.origin}/storage/v1/b/%zz/o`),
      fetch(`${harness.origin}/storage/v1/b/${bucketName}/acl`),
      fetch(mediaUrl('x'), { method: 'POST' }),
      fetch(`${harness.origin}/${bucketName}/x`, { method: 'PUT', body: 'x' }),
    ];
    const answers = await Promise.all(requests);
    assert.deepEqual(
      answers.map(({ status }) => status),
      [400, 404, 404, 403],
    );
  });
});
