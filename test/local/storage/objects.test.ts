import assert from 'node:assert/strict';
import { startStorage } from '../../../local/storage/index.ts';
import { bucketName, codeOf, type Harness, startHarness } from './harness.ts';

describe('Cloud Storage: objects', () => {
  let harness: Harness;

  beforeEach(async () => {
    harness = await startHarness();
  });
  afterEach(() => harness.close());

  it('keeps what is saved, with its type, metadata and checksums', async () => {
    const file = harness.bucket.file('bodies/a b/ü.json');
    await file.save('{"x":1}', {
      resumable: false,
      contentType: 'application/json',
      metadata: { metadata: { kind: 'body' }, customTime: '2030-01-02T03:04:05.000Z' },
    });
    const [content] = await file.download();
    assert.equal(content.toString(), '{"x":1}');
    const [metadata] = await file.getMetadata();
    assert.equal(metadata.bucket, bucketName);
    assert.equal(metadata.name, 'bodies/a b/ü.json');
    assert.equal(metadata.size, '7');
    assert.equal(metadata.contentType, 'application/json');
    assert.deepEqual(metadata.metadata, { kind: 'body' });
    assert.equal(metadata.customTime, '2030-01-02T03:04:05.000Z');
    assert.equal(metadata.metageneration, '1');
    assert.match(String(metadata.md5Hash), /^[A-Za-z0-9+/]{22}==$/);
    assert.match(String(metadata.crc32c), /^[A-Za-z0-9+/]{6}==$/);
  });

  it('answers 404 for what is not there, and forgets what is deleted', async () => {
    const file = harness.bucket.file('gone');
    assert.equal(await codeOf(file.getMetadata()), 404);
    assert.equal(await codeOf(file.download()), 404);
    assert.equal(await codeOf(file.delete()), 404);
    assert.equal(
      await codeOf(harness.client.bucket('no-such').file('x').save('x', { resumable: false })),
      404,
    );
    await file.save('x', { resumable: false });
    await file.delete();
    assert.deepEqual(await file.exists(), [false]);
  });

  it('lists by prefix, in pages, and folders by delimiter', async () => {
    for (const name of ['a', 'spool/1', 'spool/2', 'spool/x/3', 'spool/x/4', 'z']) {
      await harness.bucket.file(name).save(name, { resumable: false });
    }
    const names = async (query: object) => (await harness.bucket.getFiles(query))[0].map((file) => file.name);
    assert.deepEqual(await names({ prefix: 'spool/' }), ['spool/1', 'spool/2', 'spool/x/3', 'spool/x/4']);
    assert.deepEqual(await names({ startOffset: 'spool/2', endOffset: 'z' }), [
      'spool/2',
      'spool/x/3',
      'spool/x/4',
    ]);
    const [page, next, answer] = await harness.bucket.getFiles({
      prefix: 'spool/',
      delimiter: '/',
      maxResults: 2,
      autoPaginate: false,
    });
    assert.deepEqual(
      page.map((file) => file.name),
      ['spool/1', 'spool/2'],
    );
    assert.equal((answer as { prefixes?: string[] }).prefixes?.length, 0);
    const [rest, end, folders] = await harness.bucket.getFiles({ ...next, autoPaginate: false });
    assert.deepEqual(rest, []);
    assert.equal(end, null);
    assert.deepEqual((folders as { prefixes?: string[] }).prefixes, ['spool/x/']);
  });

  it('lists names in the order of their bytes', async () => {
    const sorted = ['a', 'é', '\uff5e', '\u{1f600}'];
    for (const name of [...sorted].reverse()) await harness.bucket.file(name).save('x', { resumable: false });
    assert.deepEqual(
      (await harness.bucket.getFiles())[0].map(({ name }) => name),
      sorted,
    );
  });

  it('refuses a port that is taken', async () => {
    const { clock, faults, storage } = harness;
    await assert.rejects(startStorage({ port: storage.port, clock, faults, buckets: [] }), /EADDRINUSE/);
  });
});
