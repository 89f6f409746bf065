import assert from 'node:assert/strict';
import { fileIdOf, folders } from '../../functions/src/files/fileId.ts';
import { hashedUuid } from '../../functions/src/platform/ids.ts';
import type { Answer } from '../support/http.ts';
import { bytesOf, type FilesBackend, startFiles } from './support.ts';

const small = bytesOf(400);
const large = bytesOf(60_000);
const secretObject = 'control/file-secret';

describe('ids of files that are uploaded with an Idempotency-Key', () => {
  let files: FilesBackend;
  beforeEach(async () => {
    files = await startFiles();
  });
  afterEach(() => files.close());

  const upload = (
    bytes: Buffer<ArrayBuffer>,
    key = 'ingest-key',
    idempotencyKey = 'job-1',
  ): Promise<Answer> =>
    files.server.call('/v1/files', {
      method: 'POST',
      headers: { 'x-api-key': key, 'idempotency-key': idempotencyKey, 'x-file-type': 'audio' },
      body: bytes,
    });
  const begin = (): Promise<Answer> =>
    files.server.call('/v1/files', {
      method: 'POST',
      headers: { 'x-api-key': 'ingest-key', 'idempotency-key': 'job-2', 'content-type': 'application/json' },
      body: JSON.stringify({ file_name: 'a', content_type: 'a/b', size: 9, file_type: 'audio' }),
    });
  const idOf = async (answer: Promise<Answer>): Promise<string> => String((await answer).json['file_id']);

  it('stay the same for repeats, and are others for other keys', async () => {
    for (const bytes of [small, large])
      assert.equal((await upload(bytes, 'ingest-key', `${bytes.length}`)).status, 201);
    const first = await idOf(upload(small));
    assert.equal(await idOf(upload(small)), first);
    assert.notEqual(await idOf(upload(small, 'miner-key')), first);
    assert.notEqual(await idOf(upload(small, 'ingest-key', 'job-2')), first);
  });

  it('cannot be computed from what a miner can know', async () => {
    const known = ['file', 'first-ingest', 'job-1'];
    const ids = [await idOf(upload(large)), await idOf(begin())];
    for (const parts of [known, known.slice(1), [...known, '0'], [...known.slice(1), '0']]) {
      for (const folder of folders) {
        const guess = fileIdOf(hashedUuid(...parts), folder);
        assert.ok(!ids.includes(guess));
        const path = `/api/v1/files/${guess}/download`;
        assert.equal((await files.server.call(path, { headers: { 'x-api-key': 'miner-key' } })).status, 404);
      }
    }
    const first = ids[0];
    await files.close();
    files = await startFiles();
    assert.notEqual(await idOf(upload(large)), first);
  });

  it('are not made with a secret that somebody else may have put there', async () => {
    await files.control.connect().put(secretObject, Buffer.from(''));
    for (const answer of [await upload(small), await upload(large), await begin()]) {
      assert.equal(answer.status, 503);
      assert.ok(!answer.text.includes(secretObject));
    }
    assert.deepEqual([await files.names(), await files.documentIds()], [[], []]);
  });
});
