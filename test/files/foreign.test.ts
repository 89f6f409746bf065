import assert from 'node:assert/strict';
import { Storage } from '@google-cloud/storage';
import { fileFigures } from '../../functions/src/files/figures.ts';
import { folders } from '../../functions/src/files/fileId.ts';
import { cloudObjects } from '../../functions/src/platform/cloudStorage.ts';
import { sweepSpool } from '../../functions/src/staging/spool.ts';
import { setUpBucket } from '../../scripts/setup/setupSteps.ts';
import { bucketName, bytesOf, type FilesBackend, lastWriteRecord, startFiles } from './support.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const large = bytesOf(60_000);
/** An id as Sluice makes them, but somebody else's: its last digit names the folder. */
const uuidIn = (folder: (typeof folders)[number]): string =>
  `0f8fad5b-d9cb-469f-a165-70867728950${folders.indexOf(folder)}`;

describe('what a project had before, and what others put beside Sluice’s', () => {
  let files: FilesBackend;
  beforeEach(async () => {
    files = await startFiles();
  });
  afterEach(() => files.close());

  const foreign = (name: string, labels: Record<string, string> = {}) =>
    files.objects.put(name, large, {
      contentType: 'audio/wav',
      contentDisposition: 'inline',
      labels,
      ifGeneration: '0',
    });
  /** A file as 3a6e002 stored it. */
  const unlabelled = (name: string, more: Record<string, string> = {}) =>
    foreign(name, { file_name: 'a.wav', file_type: name.startsWith('temp/') ? 'temp' : 'audio', ...more });
  const put = (path: string, fields: Record<string, unknown>) =>
    files.documents.commit(
      [
        {
          path,
          ifVersion: 'absent',
          changes: Object.entries(fields).map(([name, value]) => ({ path: [name], value })),
        },
      ],
      'test',
    );

  it('objects of every plausible name are the same after events, cleanup and figures', async () => {
    const labels: Record<string, string>[] = [
      {},
      { file_name: 'theirs.wav' },
      { file_name: 'theirs.wav', file_type: 'audio' },
      { firebaseStorageDownloadTokens: 'a-token' },
    ];
    for (const [at, folder] of folders.entries()) {
      for (const name of ['a.wav', 'sub/a.wav', uuidIn(folder), `${uuidIn(folder)}.wav`, '.keep'])
        await foreign(`${folder}/${name}`, labels[at % labels.length]);
    }
    for (const folder of [
      'bodies/responses',
      'bodies',
      'spool',
      'dead-letters',
      'control',
      'tmp',
      'templates',
    ])
      for (const name of ['a.json', uuidIn('temp'), `${uuidIn('temp')}.json`])
        await foreign(`${folder}/${name}`);
    const [bucket] = await new Storage({ projectId: 'demo-sluice' }).bucket(bucketName).get();
    await setUpBucket(bucket);
    await unlabelled(`temp/1f8fad5b-d9cb-469f-a165-708677289500`);
    await unlabelled(`temp/2f8fad5b-d9cb-469f-a165-708677289500`, { direct_size: '7' });
    const before = await files.objects.list('', { limit: 1000 });
    await files.finalize();
    files.pass(40 * dayMs);
    await files.finalize();
    for (const maxAgeMs of [dayMs, 0]) {
      const { deleted, repaired, is_complete } = await files.clean(maxAgeMs);
      assert.deepEqual({ deleted, repaired, is_complete }, { deleted: 0, repaired: 0, is_complete: true });
    }
    const queue = { put: () => Promise.reject(new Error('a carrier that is none')) };
    const queues = { flush: queue, expire: queue };
    await sweepSpool({
      ...files.cleanup,
      objects: cloudObjects(bucketName, { clock: files.clock, limitMs: 10_000 }),
      queues,
    });
    files.storage.runLifecycle();
    const after = await files.objects.list('', { limit: 1000 });
    assert.deepEqual(
      after.filter(({ name }) => name !== lastWriteRecord),
      before,
    );
    assert.deepEqual(files.index.written, []);
    const figures = await fileFigures(files.cleanup)();
    // Objects with the labels of 3a6e002 are counted: nothing tells them apart without a read each.
    assert.ok(Number(figures.total_files) <= 4);
  });

  it('beside it, temporary files that cleanup never hears of go by the bucket’s rule, and no others', async () => {
    const [bucket] = await new Storage({ projectId: 'demo-sluice' }).bucket(bucketName).get();
    await setUpBucket(bucket);
    for (const type of ['temp', 'audio'])
      await files.call('/v1/files', 'POST', large, { 'x-file-type': type });
    const asked = { file_name: 'a', content_type: 'a/b', size: large.length, file_type: 'temp' };
    const json = { 'content-type': 'application/json' };
    const begun = await files.call('/v1/files', 'POST', Buffer.from(JSON.stringify(asked)), json);
    files.pass(6 * dayMs);
    files.storage.runLifecycle();
    const { url } = begun.json['upload'] as { url: string };
    assert.equal((await fetch(url, { method: 'PUT', body: large })).status, 200);
    files.storage.runLifecycle();
    assert.deepEqual(
      (await files.names()).map((name) => name.split('/')[0]),
      ['temp', 'user_audio'],
    );
    files.pass(4 * dayMs);
    files.storage.runLifecycle();
    assert.deepEqual(
      (await files.names()).map((name) => name.split('/')[0]),
      ['user_audio'],
    );
  });

  it('objects are not deleted by the id that their name would be, without a document', async () => {
    await foreign(`user_audio/${uuidIn('user_audio')}`);
    await unlabelled(`tts_audio/${uuidIn('tts_audio')}`);
    assert.equal((await files.call(`/v1/files/${uuidIn('user_audio')}`, 'DELETE')).status, 404);
    assert.equal((await files.call(`/v1/files/${uuidIn('tts_audio')}`, 'DELETE')).status, 409);
    assert.equal((await files.names()).length, 2);
  });

  it('documents in a collection of the same name stay, and hold nothing back', async () => {
    const expires_at = new Date(files.clock.now() + hourMs);
    const theirs = [
      { expires_at },
      { expires_at, file_id: uuidIn('temp'), file_name: 'a', status: 'stored', location: 'cloud_storage' },
      { object: 'user_audio/theirs.wav', created_at: new Date(files.clock.now()), expires_at },
    ];
    for (let count = 0; count < 250; count += 1)
      await put(`files/their-${count}`, theirs[count % theirs.length] ?? {});
    await put(`files/${uuidIn('temp')}`, theirs[1] ?? {});
    const answer = await files.call('/v1/files', 'POST', large, { 'x-file-type': 'temp' });
    assert.equal(answer.status, 201);
    await files.finalize();
    await files.index.flush(files.documents);
    files.pass(3 * dayMs);
    const report = await files.clean();
    assert.deepEqual([report.documents, report.is_complete], [1, true]);
    assert.equal((await files.documentIds()).length, 251);
    assert.deepEqual(await files.names(), []);
    assert.equal((await files.call(`/v1/files/${uuidIn('temp')}`)).status, 404);
    assert.equal((await files.call(`/v1/files/${uuidIn('temp')}`, 'DELETE')).status, 404);
    assert.deepEqual((await files.call('/v1/files')).json['files'], []);
    assert.equal((await files.documentIds()).length, 251);
  });

  it('a document of a version to come stays, and holds nothing back', async () => {
    const expires_at = new Date(files.clock.now() + hourMs);
    const later = {
      file_id: uuidIn('user_audio'),
      status: 'archived',
      location: 'tape',
      object: null,
      reason: null,
    };
    await put(`files/${uuidIn('user_audio')}`, {
      ...later,
      file_type: 'audio',
      size: 1,
      md5: null,
      expires_at,
    });
    await files.call('/v1/files', 'POST', bytesOf(400), { 'x-file-type': 'temp' });
    files.pass(3 * dayMs);
    assert.equal((await files.clean()).documents, 1);
    assert.deepEqual(await files.documentIds(), [uuidIn('user_audio')]);
  });

  it('what an earlier version stored without a label goes by its document', async () => {
    const answer = await files.call('/v1/files', 'POST', large, { 'x-file-type': 'temp' });
    const name = `temp/${answer.json['file_id']}`;
    await files.finalize();
    await files.index.flush(files.documents);
    await replace(name);
    assert.equal((await files.call(`/v1/files/${answer.json['file_id']}/content`)).status, 200);
    files.pass(dayMs + hourMs);
    assert.deepEqual([(await files.clean()).documents, await files.names()], [1, []]);
  });

  it('an upload that an earlier version began is finished by its document', async () => {
    const asked = { file_name: 'a', content_type: 'audio/wav', size: large.length, file_type: 'audio' };
    const json = { 'content-type': 'application/json' };
    const answer = await files.call('/v1/files', 'POST', Buffer.from(JSON.stringify(asked)), json);
    const fileId = String(answer.json['file_id']);
    await unlabelled(`user_audio/${fileId}`, { direct_size: String(large.length) });
    await files.finalize();
    await files.index.flush(files.documents);
    assert.equal((await files.fields(fileId))?.['status'], 'stored');
    assert.equal((await files.call(`/v1/files/${fileId}`, 'DELETE')).status, 204);
    assert.deepEqual(await files.names(), []);
  });

  it('a file that is sent again between a look and its deletion stays', async () => {
    const key = { 'x-file-type': 'temp', 'idempotency-key': 'again' };
    const answer = await files.call('/v1/files', 'POST', large, key);
    const name = `temp/${answer.json['file_id']}`;
    await files.finalize();
    await files.index.flush(files.documents);
    files.pass(dayMs + hourMs);
    const { objects } = files.cleanup;
    const sentAgainAfter = async <Result>(look: Promise<Result>): Promise<Result> => {
      const found = await look;
      const present = await objects.describe(name);
      if (present !== undefined) await objects.delete(present.name, present.generation);
      await files.call('/v1/files', 'POST', large, key);
      return found;
    };
    files.cleanup.objects = {
      ...objects,
      describe: (asked) => sentAgainAfter(objects.describe(asked)),
      list: (prefix, options) => sentAgainAfter(objects.list(prefix, options)),
    };
    await files.clean();
    assert.deepEqual(await files.names(), [name]);
  });

  /** The object as a version without the label would have stored it. */
  async function replace(name: string): Promise<void> {
    const present = await files.objects.describe(name);
    assert.ok(present);
    await files.objects.delete(present.name, present.generation);
    await unlabelled(name);
  }
});
