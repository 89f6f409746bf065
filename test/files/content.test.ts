import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { until } from '../support/api.ts';
import { bytesOf, type FilesBackend, startFiles } from './support.ts';

const small = bytesOf(400);
const large = bytesOf(60_000);

describe('contents of files', () => {
  let files: FilesBackend;
  before(async () => {
    files = await startFiles({ redirects: true });
  });
  after(() => files.close());
  afterEach(() => files.faults.clear());

  const upload = async (bytes: Buffer<ArrayBuffer>, name = 'a.wav'): Promise<string> => {
    const headers = { 'x-api-key': 'ingest-key', 'x-file-type': 'audio', 'content-type': 'audio/wav' };
    const init = { method: 'POST', headers: { ...headers, 'x-file-name': name }, body: bytes };
    const answer = await files.server.call('/v1/files', init);
    assert.equal(answer.status, 201, answer.text);
    return String(answer.json['file_id']);
  };
  const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    fetch(files.server.url + path, {
      method,
      headers: { 'x-api-key': 'read-key', ...headers },
      redirect: 'manual',
    });
  const bytesIn = async (answer: Response) => Buffer.from(await answer.arrayBuffer());

  for (const [where, bytes] of [
    ['Firestore', small],
    ['Cloud Storage', large],
  ] as const) {
    describe(`in ${where}`, () => {
      let path: string;
      before(async () => {
        path = `/api/v1/files/${await upload(bytes, 'gr%C3%BC%C3%9Fe "1".wav')}/download`;
      });

      it('come whole, with their type, name and tag', async () => {
        const answer = await get(path);
        assert.equal(answer.status, 200);
        assert.equal(answer.headers.get('content-type'), 'audio/wav');
        assert.equal(answer.headers.get('content-length'), String(bytes.length));
        assert.equal(answer.headers.get('accept-ranges'), 'bytes');
        assert.equal(answer.headers.get('etag'), `"${createHash('sha256').update(bytes).digest('hex')}"`);
        assert.equal(
          answer.headers.get('content-disposition'),
          `attachment; filename="gr__e _1_.wav"; filename*=UTF-8''gr%C3%BC%C3%9Fe%20%221%22.wav`,
        );
        assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
        assert.equal(answer.headers.get('cache-control'), 'private, no-store');
        assert.deepEqual(await bytesIn(answer), bytes);
      });

      it('come in ranges', async () => {
        const last = bytes.length - 1;
        for (const [range, first, end] of [
          ['bytes=0-0', 0, 0],
          ['bytes=10-19', 10, 19],
          [`bytes=${last}-`, last, last],
          ['bytes=-5', last - 4, last],
          [`bytes=5-${bytes.length * 2}`, 5, last],
          [`bytes=-${bytes.length * 2}`, 0, last],
        ] as const) {
          const answer = await get(path, { range });
          assert.equal(answer.status, 206, range);
          assert.equal(answer.headers.get('content-range'), `bytes ${first}-${end}/${bytes.length}`);
          assert.equal(answer.headers.get('content-length'), String(end - first + 1));
          assert.deepEqual(await bytesIn(answer), bytes.subarray(first, end + 1));
        }
      });

      it('come whole where the range is none, or of another version', async () => {
        for (const range of ['bytes=', 'bytes=9-2', 'bytes=0-1,4-5', 'lines=1-2']) {
          const answer = await get(path, { range });
          assert.equal(answer.status, 200, range);
          await answer.arrayBuffer();
        }
        const other = await get(path, { range: 'bytes=0-1', 'if-range': '"other"' });
        assert.equal(other.status, 200);
        await other.arrayBuffer();
      });

      it('are refused beyond their end', async () => {
        for (const range of [`bytes=${bytes.length}-`, 'bytes=-0']) {
          const answer = await get(path, { range });
          assert.equal(answer.status, 416, range);
          assert.equal(answer.headers.get('content-range'), `bytes */${bytes.length}`);
          await answer.arrayBuffer();
        }
      });

      it('do not come again to who has them', async () => {
        const etag = (await get(path, {}, 'HEAD')).headers.get('etag') ?? '';
        for (const known of [etag, `"x", W/${etag}`, '*']) {
          const answer = await get(path, { 'if-none-match': known });
          assert.equal(answer.status, 304);
          assert.equal(answer.headers.get('etag'), etag);
        }
        assert.equal((await get(path, { 'if-none-match': '"x"' }, 'HEAD')).status, 200);
      });

      it('answer HEAD with the length and without bytes', async () => {
        for (const headers of [{}, { range: 'bytes=1-2' }, { range: `bytes=${bytes.length}-` }]) {
          const answer = await get(path, headers, 'HEAD');
          assert.equal(answer.status, 200);
          assert.equal(answer.headers.get('content-length'), String(bytes.length));
          assert.equal(answer.headers.get('content-range'), null);
          assert.equal((await bytesIn(answer)).length, 0);
        }
      });
    });
  }

  it('come from Cloud Storage while Firestore is out', async () => {
    const fileId = await upload(large);
    files.fail('firestore', 8);
    assert.deepEqual(await bytesIn(await get(`/api/v1/files/${fileId}/download`)), large);
  });

  it('come from Firestore while Cloud Storage is out; of the others it is not said that there are none', async () => {
    const [inline, object] = [await upload(small), await upload(large)];
    files.fail('storage', 400);
    assert.deepEqual(await bytesIn(await get(`/api/v1/files/${inline}/download`)), small);
    assert.equal((await get(`/v1/files/${object}`)).status, 503);
  });

  it('come from Firestore soon where Cloud Storage does not answer', async () => {
    const fileId = await upload(small);
    const { describe } = files.objects;
    files.objects.describe = () => new Promise(() => {});
    try {
      const answer = get(`/api/v1/files/${fileId}/download`);
      await until(() => files.clock.nextDueMs() !== undefined);
      files.clock.moveTo(files.clock.offsetMs() + 4_000);
      assert.deepEqual(await bytesIn(await answer), small);
    } finally {
      files.objects.describe = describe;
    }
  });

  it('are streamed where nobody can sign', async () => {
    const fileId = await upload(large);
    const answer = await get(`/v1/files/${fileId}/content`);
    assert.equal(answer.status, 200);
    assert.deepEqual(await bytesIn(answer), large);
    assert.ok(files.logger.lines.some(({ message }) => message.includes('cannot be signed')));
  });

  it('are given out by redirect where signing works, to who has them not yet', async () => {
    const [inline, object] = [await upload(small), await upload(large)];
    const asked: [string, number][] = [];
    files.objects.signedUrl = async (name, untilMs) => {
      asked.push([name, untilMs - files.clock.now()]);
      return `https://storage.example/${name}?signature`;
    };
    // Signing failed a moment ago.
    assert.equal((await get(`/v1/files/${object}/content`, {}, 'HEAD')).status, 200);
    files.clock.moveTo(files.clock.offsetMs() + 11 * 60_000);
    const answer = await get(`/v1/files/${object}/content`);
    assert.equal(answer.status, 302);
    assert.equal(answer.headers.get('location'), `https://storage.example/user_audio/${object}?signature`);
    assert.deepEqual(asked, [[`user_audio/${object}`, 15 * 60_000]]);
    const etag = answer.headers.get('etag') ?? '';
    assert.equal((await get(`/v1/files/${object}/content`, { 'if-none-match': etag })).status, 304);
    assert.equal((await get(`/v1/files/${object}/content`, {}, 'HEAD')).status, 200);
    assert.equal((await get(`/v1/files/${inline}/content`)).status, 200);
    assert.equal((await get(`/api/v1/files/${object}/download`)).status, 200);
  });

  it('are not there for ids that are none', async () => {
    for (const id of [
      '00000000-0000-4000-8000-000000000000',
      '00000000-0000-4000-8000-00000000000f',
      'x',
      '..%2f..%2fcontrol%2fkeys.json',
      '%00',
    ]) {
      for (const path of [`/v1/files/${id}`, `/v1/files/${id}/content`, `/api/v1/files/${id}/download`]) {
        const answer = await get(path);
        assert.equal(answer.status, 404, path);
        await answer.arrayBuffer();
      }
    }
  });

  it('are listed by type, page by page', async () => {
    const ids = new Set([await upload(small), await upload(small), await upload(small)]);
    const seen = new Set<string>();
    let cursor: string | null = null;
    do {
      const more: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const page = (await (await get(`/v1/files?file_type=audio&limit=2${more}`)).json()) as {
        files: { file_id: string; content?: string }[];
        next_cursor: string | null;
      };
      assert.ok(page.files.length <= 2);
      for (const file of page.files) {
        assert.ok(!seen.has(file.file_id));
        assert.ok(!('content' in file));
        seen.add(file.file_id);
      }
      cursor = page.next_cursor;
    } while (cursor !== null);
    assert.ok([...ids].every((id) => seen.has(id)));
    assert.equal((await get('/v1/files?file_type=nonsense')).status, 400);
    assert.equal((await get('/v1/files?cursor=nonsense')).status, 400);
    assert.equal((await get('/v1/files?limit=0')).status, 400);
  });
});
