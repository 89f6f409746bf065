import assert from 'node:assert/strict';
import { filePath } from '../../functions/src/files/record.ts';
import type { Answer } from '../support/http.ts';
import { bytesOf, type FilesBackend, startFiles } from './support.ts';

const small = bytesOf(400);
const large = bytesOf(60_000);

describe('a key of role proxy deletes files that it made, and no other', () => {
  let files: FilesBackend;
  before(async () => {
    files = await startFiles();
  });
  after(() => files.close());

  const upload = async (body: Buffer<ArrayBuffer>, key: string, headers: object = {}): Promise<string> => {
    const answer = await files.call('/v1/files', 'POST', body, { 'x-api-key': key, ...headers });
    assert.equal(answer.status, 201, answer.text);
    return String(answer.json['file_id']);
  };
  const remove = (fileId: string, key: string): Promise<Answer> =>
    files.call(`/v1/files/${fileId}`, 'DELETE', undefined, { 'x-api-key': key });
  const pending = (key: string): Promise<string> => {
    const asked = { file_name: 'a', content_type: 'audio/wav', size: 10, file_type: 'audio' };
    return upload(Buffer.from(JSON.stringify(asked)), key, { 'content-type': 'application/json' });
  };
  const refused = async (fileId: string, key: string, detail: RegExp): Promise<void> => {
    const answer = await remove(fileId, key);
    assert.equal(answer.status, 403, answer.text);
    assert.equal(answer.json['code'], 'forbidden');
    assert.match(String(answer.json['detail']), detail);
    assert.equal((await files.call(`/v1/files/${fileId}`)).status, 200);
  };

  it('whether their bytes are in Firestore, in Cloud Storage or still to come', async () => {
    for (const make of [
      (key: string) => upload(small, key),
      (key: string) => upload(large, key),
      (key: string) => pending(key),
    ]) {
      const fileId = await make('proxy-key');
      await refused(fileId, 'second-proxy-key', /files that it made itself; another key made this one/);
      assert.equal((await remove(fileId, 'ingest-key')).status, 403);
      assert.equal((await remove(fileId, 'proxy-key')).status, 204);
      assert.equal((await files.call(`/v1/files/${fileId}`)).status, 404);
    }
  });

  it('also once the bucket’s event has written their documents anew', async () => {
    const fileId = await upload(large, 'proxy-key');
    await files.settle();
    assert.equal((await files.fields(fileId))?.['made_by'], 'first-proxy');
    await refused(fileId, 'second-proxy-key', /another key/);
    assert.equal((await remove(fileId, 'proxy-key')).status, 204);
  });

  it('not those of which nobody knows who made them', async () => {
    const fileId = await upload(small, 'proxy-key');
    const { made_by: _, ...older } = (await files.fields(fileId)) ?? {};
    const path = filePath(fileId);
    const changes = Object.entries(older).map(([name, value]) => ({ path: [name], value }));
    await files.documents.commit([{ path, ifVersion: 'any', changes: 'deleted' }], 'test');
    await files.documents.commit([{ path, ifVersion: 'absent', changes }], 'test');
    await refused(fileId, 'proxy-key', /not known which key made this one/);
    assert.equal((await remove(fileId, 'admin-key')).status, 204);
  });

  it('and hears of none that is not there', async () => {
    assert.equal((await remove('x', 'proxy-key')).status, 404);
  });
});
