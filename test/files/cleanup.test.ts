import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { StampSource } from '../../functions/src/events/stamp.ts';
import { secretFileId } from '../../functions/src/files/fileId.ts';
import { finalize } from '../../functions/src/files/finalize.ts';
import { fieldsOf, filePath, newRecord } from '../../functions/src/files/record.ts';
import { removeFile } from '../../functions/src/files/removal.ts';
import type { DocumentStore } from '../../functions/src/platform/documents.ts';
import { bytesOf, type FilesBackend, startFiles } from './support.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const small = bytesOf(400);
const large = bytesOf(60_000);
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe('what becomes of files', () => {
  let files: FilesBackend;
  beforeEach(async () => {
    files = await startFiles();
  });
  afterEach(() => files.close());

  const upload = async (bytes: Buffer<ArrayBuffer>, type: string): Promise<string> => {
    const answer = await files.call('/v1/files', 'POST', bytes, { 'x-file-type': type });
    assert.equal(answer.status, 201, answer.text);
    return String(answer.json['file_id']);
  };
  const begin = async (size: number, hash?: string) => {
    const asked = { file_name: 'a', content_type: 'audio/wav', size, file_type: 'audio', sha256: hash };
    const answer = await files.call('/v1/files', 'POST', Buffer.from(JSON.stringify(asked)), {
      'content-type': 'application/json',
    });
    assert.equal(answer.status, 201, answer.text);
    const { url } = answer.json['upload'] as { url: string };
    return { fileId: String(answer.json['file_id']), url };
  };
  const nothingLeft = async (): Promise<void> => {
    assert.deepEqual(await files.names(), []);
    assert.deepEqual(await files.documentIds(), []);
  };

  it('a deletion takes both parts, also of what is still queued', async () => {
    const [inline, object] = [await upload(small, 'audio'), await upload(large, 'audio')];
    await files.finalize();
    for (const fileId of [inline, object]) {
      assert.equal((await files.call(`/v1/files/${fileId}`, 'DELETE')).status, 204);
      assert.equal((await files.call(`/v1/files/${fileId}`)).status, 404);
      assert.equal((await files.call(`/v1/files/${fileId}/content`)).status, 404);
    }
    assert.deepEqual(await files.names(), []);
    await files.index.flush(files.documents);
    assert.equal((await files.call(`/v1/files/${object}`)).status, 404);
    assert.equal((await files.call(`/v1/files/${object}`, 'DELETE')).status, 404);
    assert.deepEqual((await files.call('/v1/files')).json['files'], []);
    // The document that remembers it outlasts whatever age is asked for.
    assert.equal((await files.clean(0)).deleted, 0);
    assert.deepEqual(await files.documentIds(), [object]);
    files.pass(2 * hourMs);
    await files.clean();
    await nothingLeft();
  });

  it('a deletion that the pipeline does not take leaves the file; what is no file cannot be deleted', async () => {
    const fileId = await upload(large, 'audio');
    files.index.isDown = true;
    assert.equal((await files.call(`/v1/files/${fileId}`, 'DELETE')).status, 503);
    assert.equal((await files.call(`/v1/files/${fileId}/content`)).status, 200);
    assert.equal((await files.call('/v1/files/x', 'DELETE')).status, 404);
  });

  it('a deletion of what changes meanwhile is told to come again', async () => {
    const fileId = await upload(small, 'audio');
    const { documents } = files;
    const read: typeof documents.read = async (paths, cause) => {
      const found = await documents.read(paths, cause);
      const changes = [{ path: ['file_name'], value: 'b' }];
      const [version] = found.map((each) => each.version);
      await documents.commit([{ path: paths[0] ?? '', ifVersion: version ?? 'any', changes }], cause);
      return found;
    };
    const stamps = new StampSource(files.clock, 'instance');
    const commit: typeof documents.commit = (writes, cause) => documents.commit(writes, cause);
    await assert.rejects(
      removeFile({ ...files.cleanup, documents: { read, commit } as DocumentStore, stamps }, fileId),
      {
        code: 'unavailable',
      },
    );
    assert.equal((await files.fields(fileId))?.['file_name'], 'b');
  });

  it('a deletion that is cut off between its parts is completed', async () => {
    const fileId = await upload(large, 'audio');
    await files.settle();
    const stamps = new StampSource(files.clock, 'instance');
    const objects = { ...files.objects, delete: () => Promise.reject(new Error('cut off')) };
    await assert.rejects(removeFile({ ...files.cleanup, objects, stamps }, fileId), /cut off/);
    await files.index.flush(files.documents);
    files.pass(2 * hourMs);
    assert.equal((await files.clean()).deleted, 1);
    await nothingLeft();
  });

  it('a document stays until its object is gone', async () => {
    const answer = await files.call('/v1/files', 'POST', large, { 'x-file-type': 'temp' });
    await files.settle();
    files.pass(3 * dayMs);
    const { delete: remove } = files.objects;
    files.objects.delete = () => new Promise((_, reject) => setImmediate(reject, new Error('cut off')));
    await assert.rejects(files.clean(), /cut off/);
    files.objects.delete = remove;
    assert.deepEqual(await files.documentIds(), [answer.json['file_id']]);
    assert.equal((await files.clean()).deleted, 1);
    await nothingLeft();
  });

  it('a file that is sent again after its deletion stays, however late its event', async () => {
    const key = { 'x-file-type': 'audio', 'idempotency-key': 'again' };
    const first = await files.call('/v1/files', 'POST', large, key);
    const path = `/v1/files/${first.json['file_id']}`;
    await files.settle();
    assert.equal((await files.call(path, 'DELETE')).status, 204);
    await files.index.flush(files.documents);
    files.pass(60_000);
    assert.equal((await files.call('/v1/files', 'POST', large, key)).status, 201);
    files.pass(2 * dayMs);
    await files.clean();
    assert.notEqual((await files.call(`${path}/content`)).status, 404);
    await files.index.flush(files.documents);
    assert.equal((await files.call(path)).json['status'], 'stored');
    assert.equal((await files.clean()).deleted, 0);
  });

  it('temporary files go after a day, wherever they are, and no others', async () => {
    await upload(small, 'temp');
    await upload(large, 'temp');
    const kept = [await upload(small, 'tts'), await upload(large, 'tts')];
    await files.settle();
    files.pass(dayMs - hourMs);
    assert.equal((await files.clean()).deleted, 0);
    assert.equal((await files.documentIds()).length, 4);
    files.pass(2 * hourMs);
    const report = await files.clean();
    assert.equal(report.documents, 2);
    assert.equal(report.is_complete, true);
    assert.deepEqual((await files.documentIds()).sort(), kept.toSorted());
    assert.deepEqual(await files.names(), [`tts_audio/${kept[1]}`]);
  });

  it('temporary files go earlier where that is asked for', async () => {
    await upload(small, 'temp');
    await upload(large, 'temp');
    await files.settle();
    files.pass(2 * hourMs);
    await files.clean(3 * hourMs);
    assert.equal((await files.documentIds()).length, 2);
    await files.clean(hourMs);
    await nothingLeft();
  });

  it('uploads never finished go when their addresses end', async () => {
    await begin(5_000);
    files.pass(7 * dayMs - hourMs);
    assert.equal((await files.clean()).deleted, 0);
    assert.equal((await files.documentIds()).length, 1);
    files.pass(hourMs);
    assert.equal((await files.clean()).deleted, 1);
    await nothingLeft();
  });

  it('an upload that is not as declared says why, keeps no object, and goes after a day', async () => {
    const wrongHash = await begin(large.length, sha256(small));
    assert.equal((await fetch(wrongHash.url, { method: 'PUT', body: large })).status, 200);
    const wrongSize = await begin(large.length + 1);
    // Should the bucket take fewer bytes than the session was made for.
    await files.objects.put(`user_audio/${wrongSize.fileId}`, large, {
      contentType: 'audio/wav',
      contentDisposition: 'attachment',
      labels: { file_name: 'a', file_type: 'audio', direct_size: String(large.length + 1) },
    });
    await files.settle();
    for (const [{ fileId }, reason] of [
      [wrongHash, /SHA-256/],
      [wrongSize, /bytes were declared/],
    ] as const) {
      const { json } = await files.call(`/v1/files/${fileId}`);
      assert.equal(json['status'], 'failed');
      assert.match(String(json['reason']), reason);
      assert.equal((await files.call(`/v1/files/${fileId}/content`)).status, 404);
    }
    assert.deepEqual(await files.names(), []);
    files.pass(dayMs + hourMs);
    await files.clean();
    await nothingLeft();
  });

  it('an upload with a declared hash is not given out before it is compared, then is', async () => {
    const { fileId, url } = await begin(large.length, sha256(large));
    assert.equal((await fetch(url, { method: 'PUT', body: large })).status, 200);
    assert.equal((await files.call(`/v1/files/${fileId}/content`)).status, 409);
    await files.finalize();
    const { status, json } = await files.call(`/v1/files/${fileId}`);
    assert.equal(status, 200);
    assert.equal(json['status'], 'stored');
    await files.index.flush(files.documents);
    assert.equal((await files.fields(fileId))?.['sha256'], sha256(large));
  });

  it('an upload with a declared hash whose event is lost is compared all the same', async () => {
    const good = await begin(large.length, sha256(large));
    const bad = await begin(large.length, sha256(small));
    for (const { url } of [good, bad])
      assert.equal((await fetch(url, { method: 'PUT', body: large })).status, 200);
    await files.index.flush(files.documents);
    files.pass(2 * dayMs);
    await files.clean();
    await files.index.flush(files.documents);
    assert.equal((await files.call(`/v1/files/${good.fileId}`)).json['status'], 'stored');
    assert.equal((await files.call(`/v1/files/${bad.fileId}/content`)).status, 404);
    assert.equal((await files.names()).length, 1);
  });

  it('a late event of a file that is deleted by now changes nothing', async () => {
    const fileId = await upload(large, 'audio');
    const object = await files.objects.describe(`user_audio/${fileId}`);
    assert.ok(object);
    const eventMs = files.clock.now();
    await files.settle();
    await files.call(`/v1/files/${fileId}`, 'DELETE');
    await files.index.flush(files.documents);
    files.pass(2 * hourMs);
    await files.clean();
    await finalize(files, object, eventMs);
    assert.deepEqual(files.index.written, []);
    await nothingLeft();
  });

  it('an event whose record cannot be kept is told to come again, and leaves the object', async () => {
    const fileId = await upload(large, 'audio');
    files.index.isDown = true;
    await assert.rejects(files.finalize());
    assert.deepEqual(await files.names(), [`user_audio/${fileId}`]);
    assert.equal((await files.call(`/v1/files/${fileId}`)).status, 200);
  });

  it('an object whose document is missing gets it again', async () => {
    const fileId = await upload(large, 'audio');
    files.pass(hourMs);
    assert.deepEqual(await files.documentIds(), []);
    assert.equal((await files.clean()).deleted, 0);
    files.pass(dayMs);
    assert.equal((await files.clean()).repaired, 1);
    await files.index.flush(files.documents);
    assert.deepEqual(await files.documentIds(), [fileId]);
    assert.deepEqual(await files.names(), [`user_audio/${fileId}`]);
  });

  it('a document that is written since it was judged stays, until the next run', async () => {
    const [first, second] = [await upload(small, 'temp'), await upload(small, 'temp')];
    files.pass(2 * dayMs);
    const { documents } = files;
    let isLate = true;
    files.cleanup.documents = {
      read: documents.read.bind(documents),
      count: documents.count.bind(documents),
      commitIfAbsent: documents.commitIfAbsent.bind(documents),
      commit: documents.commit.bind(documents),
      query: async (query, cause) => {
        const found = await documents.query(query, cause);
        const [written] = found.documents;
        if (isLate && query.limit > 1 && written?.version !== undefined) {
          const changes = [{ path: ['file_name'], value: 'b' }];
          await documents.commit([{ path: written.path, ifVersion: written.version, changes }], 'test');
          isLate = false;
        }
        return found;
      },
    };
    const { deleted, documents: removed, is_complete } = await files.clean();
    assert.deepEqual({ deleted, removed, is_complete }, { deleted: 0, removed: 0, is_complete: false });
    assert.deepEqual((await files.documentIds()).sort(), [first, second].sort());
    assert.equal((await files.clean()).documents, 2);
  });

  it('is told of where Firestore fails, and what was done stays done', async () => {
    await upload(large, 'temp');
    await files.settle();
    files.pass(2 * dayMs);
    files.fail('firestore', 14, { method: 'Commit' });
    await assert.rejects(files.clean(), { failure: 'unavailable' });
    assert.deepEqual(await files.names(), []);
    assert.equal((await files.documentIds()).length, 1);
  });

  it('a document whose object is gone goes', async () => {
    const [gone, kept] = [await upload(large, 'audio'), await upload(large, 'tts')];
    await files.settle();
    const object = await files.objects.describe(`user_audio/${gone}`);
    assert.ok(object);
    await files.objects.delete(object.name, object.generation);
    assert.equal((await files.call(`/v1/files/${gone}`)).status, 404);
    files.pass(dayMs + hourMs);
    assert.equal((await files.clean()).documents, 1);
    assert.deepEqual(await files.documentIds(), [kept]);
  });

  it('gets past what is deleted, and remembered for an hour', async () => {
    const nowMs = files.clock.now();
    const claim = {
      fileName: 'a',
      contentType: 'a/b',
      fileType: 'audio',
      size: 1,
      sha256: null,
      madeBy: null,
    };
    const writes = Array.from({ length: 250 }, (_, index) => {
      const fileId = secretFileId('a secret', 'user_audio', String(index));
      const rest = { location: 'cloud_storage', status: 'deleted', createdMs: nowMs } as const;
      const record = { ...newRecord({ ...claim, fileId }, rest), expiresMs: nowMs + hourMs };
      const changes = Object.entries(fieldsOf(record)).map(([name, value]) => ({ path: [name], value }));
      return { path: filePath(fileId), ifVersion: 'absent', changes } as const;
    });
    await files.documents.commit(writes, 'test');
    await upload(small, 'temp');
    const report = await files.clean(0);
    assert.deepEqual([report.documents, report.is_complete], [1, true]);
    assert.equal((await files.documentIds()).length, 250);
  });

  it('leaves alone what is none of its business', async () => {
    const other = { contentType: 'text/plain', contentDisposition: 'attachment', labels: {} };
    const names = ['bodies/one', 'control/keys.json', 'spool/one', 'templates/a', 'zebra'];
    for (const name of names) await files.objects.put(name, small, other);
    files.pass(40 * dayMs);
    assert.equal((await files.clean(0)).deleted, 0);
    assert.deepEqual(await files.names(), names);
  });

  it('costs two reads where there is nothing to do', async () => {
    for (let count = 0; count < 5; count += 1) await upload(count % 2 ? small : large, 'audio');
    await files.settle();
    files.pass(dayMs + hourMs);
    files.firestore.resetUsage();
    assert.equal((await files.clean()).deleted, 0);
    assert.deepEqual(files.firestore.usage(), { reads: 2, writes: 0, deletes: 0 });
  });
});
