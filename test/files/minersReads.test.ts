import assert from 'node:assert/strict';
import { DocumentError, type DocumentStore } from '../../functions/src/platform/documents.ts';
import { bytesOf, type FilesBackend, startFiles } from './support.ts';

describe('downloads by miners’ keys', () => {
  let files: FilesBackend;
  let miners = 0;

  beforeEach(async () => {
    miners = 0;
    files = await startFiles({
      miners: (documents) => {
        const read: typeof documents.read = (...call) => {
          miners += 1;
          if (miners > 2) throw new DocumentError('no_quota', 'Miners’ keys have read enough today.');
          return documents.read(...call);
        };
        const commit: typeof documents.commit = (...call) => documents.commit(...call);
        return { read, commit } as DocumentStore;
      },
    });
  });
  afterEach(() => files.close());

  it('read from a budget of their own, whose end others do not notice', async () => {
    const bytes = bytesOf(400);
    const headers = { 'x-api-key': 'miner-key', 'x-file-type': 'audio' };
    const { json } = await files.server.call('/v1/files', { method: 'POST', headers, body: bytes });
    const get = async (key: string): Promise<number> => {
      const path = `/api/v1/files/${String(json['file_id'])}/download`;
      return (await files.server.call(path, { headers: { 'x-api-key': key } })).status;
    };
    assert.deepEqual([await get('miner-key'), await get('miner-key')], [200, 200]);
    assert.equal(await get('miner-key'), 503);
    assert.equal(await get('validator-key'), 200);
    assert.equal(miners, 3);
  });
});
