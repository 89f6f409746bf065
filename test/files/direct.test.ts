import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { bytesOf, type FilesBackend, startFiles } from './support.ts';

const large = bytesOf(60_000);
const dayMs = 86_400_000;
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe('direct uploads that do not go straight', () => {
  let files: FilesBackend;
  beforeEach(async () => {
    files = await startFiles();
  });
  afterEach(() => files.close());

  const begin = async (headers: Record<string, string> = {}, more: object = {}) => {
    const asked = {
      file_name: 'a',
      content_type: 'audio/wav',
      size: large.length,
      file_type: 'audio',
      ...more,
    };
    const answer = await files.call('/v1/files', 'POST', Buffer.from(JSON.stringify(asked)), {
      'content-type': 'application/json',
      ...headers,
    });
    assert.equal(answer.status, 201, answer.text);
    const { url } = answer.json['upload'] as { url: string };
    return { fileId: String(answer.json['file_id']), url };
  };
  const put = async (url: string): Promise<number> =>
    (await fetch(url, { method: 'PUT', body: large })).status;

  it('may be asked for again with the same Idempotency-Key', async () => {
    const first = await begin({ 'idempotency-key': 'k' });
    const again = await begin({ 'idempotency-key': 'k' });
    assert.equal(again.fileId, first.fileId);
    assert.equal(await put(again.url), 200);
    await files.settle();
    assert.equal((await files.call(`/v1/files/${first.fileId}`)).json['status'], 'stored');
  });

  for (const isLateWritten of [false, true]) {
    const when = isLateWritten ? 'after it is complete' : 'before it is complete';
    it(`begin while Firestore is out; the document is written ${when}`, async () => {
      files.fail('firestore', 14);
      const { fileId, url } = await begin();
      files.faults.clear();
      // The bucket's clock is behind.
      files.pass(-60_000);
      assert.equal((await files.fields(fileId))?.['status'], undefined);
      if (!isLateWritten) {
        await files.index.flush(files.documents);
        assert.equal((await files.fields(fileId))?.['status'], 'pending');
      }
      assert.equal(await put(url), 200);
      await files.settle();
      assert.equal((await files.call(`/v1/files/${fileId}`)).json['status'], 'stored');
      assert.equal((await files.fields(fileId))?.['status'], 'stored');
    });
  }

  it('keep the time at which they began, however late they end, and then go no sooner', async () => {
    const [good, bad] = [await begin(), await begin({}, { sha256: sha256(Buffer.from('other')) })];
    const shown = async ({ fileId }: { fileId: string }) => (await files.call(`/v1/files/${fileId}`)).json;
    const began = (await shown(good))['created_at'];
    files.pass(2 * dayMs);
    assert.deepEqual([await put(good.url), await put(bad.url)], [200, 200]);
    assert.equal((await shown(good))['created_at'], began);
    await files.settle();
    await files.clean();
    assert.equal((await shown(good))['created_at'], began);
    assert.deepEqual((await files.fields(good.fileId))?.['created_at'], new Date(String(began)));
    assert.equal((await shown(bad))['status'], 'failed');
    assert.match(String((await shown(bad))['reason']), /SHA-256/);
  });

  it('stay pending, and can be deleted, as long as their addresses work, and then go', async () => {
    const [good, unwanted, forgotten] = [
      await begin(),
      await begin(),
      await begin({}, { file_type: 'temp' }),
    ];
    const shown = async ({ fileId }: { fileId: string }) => (await files.call(`/v1/files/${fileId}`)).json;
    for (const days of [3, 3.5]) {
      files.pass(days * dayMs);
      await files.clean(0);
    }
    for (const upload of [good, unwanted, forgotten])
      assert.equal((await shown(upload))['status'], 'pending');
    assert.equal((await files.call(`/v1/files/${unwanted.fileId}`, 'DELETE')).status, 204);
    assert.deepEqual([await put(good.url), await put(unwanted.url)], [200, 200]);
    await files.settle();
    await files.clean();
    assert.equal((await shown(good))['status'], 'stored');
    assert.deepEqual(await files.names(), [`user_audio/${good.fileId}`]);
    files.pass(2 * dayMs);
    await files.clean();
    assert.deepEqual(await files.documentIds(), [good.fileId]);
  });

  it('are compared with their declared hash by cleanup, a day later, where their event is lost', async () => {
    const { fileId, url } = await begin({}, { sha256: sha256(large) });
    assert.equal(await put(url), 200);
    files.pass(dayMs + 1);
    assert.equal((await files.clean()).repaired, 1);
    await files.index.flush(files.documents);
    assert.equal((await files.fields(fileId))?.['status'], 'stored');
    assert.equal((await files.clean()).repaired, 0);
  });

  for (const [what, declared] of [
    ['', {}],
    [' with a declared hash', { sha256: sha256(large) }],
  ] as const) {
    it(`that are finished are answered as such when they are asked for again${what}`, async () => {
      const headers = { 'idempotency-key': 'k' };
      const { fileId, url } = await begin(headers, declared);
      assert.equal(await put(url), 200);
      const ask = (more: object) => {
        const asked = { file_name: 'a', content_type: 'audio/wav', size: large.length, file_type: 'audio' };
        const body = Buffer.from(JSON.stringify({ ...asked, ...declared, ...more }));
        return files.call('/v1/files', 'POST', body, { 'content-type': 'application/json', ...headers });
      };
      const early = await ask({});
      await files.settle();
      const late = await ask({});
      for (const answer of [early, late]) {
        assert.equal(answer.status, 201, answer.text);
        assert.equal(answer.json['file_id'], fileId);
      }
      assert.equal(late.json['status'], 'stored');
      assert.equal(late.json['upload'], undefined);
      assert.equal((await ask({ file_name: 'b' })).status, 409);
    });
  }

  it('stay deleted where they are completed after their deletion', async () => {
    const { fileId, url } = await begin();
    assert.equal((await files.call(`/v1/files/${fileId}`, 'DELETE')).status, 204);
    assert.equal((await files.call(`/v1/files/${fileId}`)).status, 404);
    await put(url);
    await files.settle();
    assert.equal((await files.call(`/v1/files/${fileId}`)).status, 404);
    assert.deepEqual(await files.names(), []);
    files.pass(9 * dayMs);
    await files.clean();
    assert.deepEqual(await files.documentIds(), []);
  });

  it('stay deleted also by another address of theirs, as long as that works', async () => {
    const key = { 'idempotency-key': 'k' };
    const [first, second] = [await begin(key), await begin(key)];
    assert.equal(await put(first.url), 200);
    await files.settle();
    files.pass(dayMs);
    assert.equal((await files.call(`/v1/files/${first.fileId}`, 'DELETE')).status, 204);
    await files.settle();
    files.pass(5 * dayMs);
    await files.clean();
    assert.equal(await put(second.url), 200);
    await files.settle();
    assert.equal((await files.call(`/v1/files/${first.fileId}`)).status, 404);
    assert.deepEqual(await files.names(), []);
    files.pass(3 * dayMs);
    await files.clean();
    assert.deepEqual(await files.documentIds(), []);
  });

  it('that were deleted do not take with them a body that was sent since, however late its event', async () => {
    const key = { 'idempotency-key': 'k' };
    const { fileId } = await begin(key);
    assert.equal((await files.call(`/v1/files/${fileId}`, 'DELETE')).status, 204);
    files.pass(dayMs);
    const headers = { ...key, 'x-file-type': 'audio', 'content-type': 'audio/wav' };
    assert.equal((await files.call('/v1/files', 'POST', large, headers)).status, 201);
    files.pass(8 * dayMs);
    await files.clean();
    await files.index.flush(files.documents);
    assert.equal((await files.call(`/v1/files/${fileId}/content`)).status, 200);
    assert.equal((await files.fields(fileId))?.['status'], 'stored');
  });

  it('that are complete are kept although their documents still say pending', async () => {
    const { fileId, url } = await begin({}, { sha256: sha256(large) });
    files.pass(7 * dayMs - 60_000);
    assert.equal(await put(url), 200);
    await files.finalize();
    files.pass(3_600_000);
    files.index.written.length = 0;
    await files.clean();
    assert.equal((await files.call(`/v1/files/${fileId}`)).status, 200);
    await files.index.flush(files.documents);
    assert.equal((await files.fields(fileId))?.['status'], 'stored');
  });

  it('are not taken for files by a body with the same Idempotency-Key', async () => {
    const headers = { 'idempotency-key': 'k', 'x-file-type': 'audio', 'content-type': 'audio/wav' };
    const small = bytesOf(400);
    await begin({ 'idempotency-key': 'k' }, { size: small.length, sha256: sha256(small) });
    const instead = await files.call('/v1/files', 'POST', small, headers);
    assert.equal(instead.status, 201, instead.text);
    assert.equal(instead.json['status'], 'stored');
    assert.equal((await files.call(`/v1/files/${String(instead.json['file_id'])}/content`)).status, 200);
    const other = { ...headers, 'idempotency-key': 'other' };
    const { url } = await begin({ 'idempotency-key': 'other' }, { sha256: sha256(large) });
    await fetch(url, { method: 'PUT', body: bytesOf(large.length, 7) });
    const unchecked = await files.call('/v1/files', 'POST', large, other);
    assert.equal(unchecked.status, 409, unchecked.text);
  });
});
