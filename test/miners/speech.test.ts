import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { ResponseReceived } from '../../functions/src/events/event.ts';
import { StampSource } from '../../functions/src/events/stamp.ts';
import { removeLostSpeech } from '../../functions/src/miners/lostSpeech.ts';
import { speechRoutes } from '../../functions/src/miners/speechRoutes.ts';
import { ttlField } from '../../functions/src/platform/documents.ts';
import { bytesOf, type FilesBackend, startFiles } from '../files/support.ts';
import { type Answer, MemoryStager } from '../support/http.ts';
import { defaultSpeakers } from '../support/speakers.ts';

const sound = bytesOf(4_000);

describe('speech that existing miners send', () => {
  let files: FilesBackend;
  let stager: MemoryStager;
  beforeEach(async () => {
    stager = new MemoryStager();
    files = await startFiles({
      more: (parts) =>
        speechRoutes({ ...parts, stager, speakers: defaultSpeakers(), maxFileBytes: 40_000_000 }),
    });
  });
  afterEach(() => files.close());

  const fields = {
    task_id: 't1',
    miner_uid: '7',
    processing_time: '1.5',
    accuracy_score: '1e-07',
    speed_score: '0.0',
  };
  const send = (
    changes: Record<string, string | undefined> = {},
    { bytes = sound, name = '0a1b2c3d.wav', field = 'audio_file', key = 'miner-key' } = {},
  ): Promise<Answer> => {
    const form = new FormData();
    for (const [name, value] of Object.entries({ ...fields, ...changes })) {
      if (value !== undefined) form.set(name, value);
    }
    form.set(field, new Blob([bytes], { type: 'audio/wav' }), name);
    const path = '/api/v1/miner/tts/upload-audio';
    return files.server.call(path, { method: 'POST', headers: { 'x-api-key': key }, body: form });
  };

  it('becomes a file that can be had at once, and a response that refers to it, at no Firestore operation', async () => {
    files.firestore.resetUsage();
    const { status, json } = await send();
    assert.equal(status, 200, JSON.stringify(json));
    const audio = json['audio_file'] as Record<string, unknown>;
    assert.deepEqual(json, {
      success: true,
      message: 'Speech accepted',
      task_id: 't1',
      miner_uid: 7,
      audio_file: {
        file_id: audio['file_id'],
        file_name: '0a1b2c3d.wav',
        file_type: 'tts',
        file_size: sound.length,
        file_url: json['file_url'],
        checksum: createHash('sha256').update(sound).digest('hex'),
      },
      file_url: `/api/v1/files/${String(audio['file_id'])}/download`,
      warnings: [],
    });
    const got = await fetch(files.server.url + String(json['file_url']), {
      headers: { 'x-api-key': 'miner-key' },
    });
    assert.deepEqual(Buffer.from(await got.arrayBuffer()), sound);
    const [event] = stager.events as ResponseReceived[];
    assert.equal(event?.taskId, 't1');
    assert.deepEqual(event?.response.response_data, { audio_file: audio, file_url: json['file_url'] });
    assert.deepEqual([event?.response.processing_time, event?.response.accuracy_score], [1.5, 1e-7]);
    assert.deepEqual(files.firestore.usage(), { reads: 0, writes: 0, deletes: 0 });
  });

  it('is one file however often and at once it comes, the first', async () => {
    const first = await send();
    const again = await Promise.all([send({}, { bytes: bytesOf(5_000, 3) }), send({ accuracy_score: '1' })]);
    for (const answer of again) assert.deepEqual(answer.json, first.json);
    assert.equal((await files.names()).length, 1);
    const both = await Promise.all(
      [1, 2].map((seed) => send({ task_id: 't2' }, { bytes: bytesOf(4_000, seed) })),
    );
    assert.deepEqual(both[0]?.json, both[1]?.json);
    assert.equal((await files.names()).length, 2);
  });

  it('is told nothing of under another key', async () => {
    const first = await send();
    const other = await send({}, { bytes: bytesOf(5_000, 3), key: 'uid-key' });
    assert.equal(other.status, 200);
    assert.notEqual(other.json['file_url'], first.json['file_url']);
    assert.ok(!other.text.includes(String((first.json['audio_file'] as { checksum: string }).checksum)));
    assert.equal((await files.names()).length, 2);
  });

  it('is another file for another miner or task', async () => {
    await send();
    await send({ miner_uid: '8' });
    await send({ task_id: 't2' });
    assert.equal((await files.names()).length, 3);
  });

  it('that was cut off after its file is completed when it is sent again', async () => {
    stager.failure = new Error('cut off');
    assert.equal((await send()).status, 500);
    stager.failure = undefined;
    assert.equal((await send()).status, 200);
    assert.equal((await files.names()).length, 1);
    assert.equal(stager.events.length, 1);
  });

  it('is refused, and leaves nothing, where something is wrong with it', async () => {
    for (const [status, answer] of [
      [400, await send({ task_id: undefined })],
      [400, await send({ task_id: '../x' })],
      [400, await send({ miner_uid: 'seven' })],
      [400, await send({}, { bytes: Buffer.alloc(0) })],
      [400, await send({}, { name: '../../a.wav' })],
      [400, await send({}, { field: 'sound' })],
      [413, await send({}, { bytes: Buffer.alloc(30 * 1024 * 1024 + 1) })],
      [403, await send({ miner_uid: '8' }, { key: 'uid-key' })],
      [403, await send({}, { key: 'read-key' })],
    ] as const) {
      assert.equal(answer.status, status, answer.text);
      assert.equal(typeof answer.json['detail'], 'string');
    }
    assert.deepEqual(await files.names(), []);
    assert.deepEqual(await files.documentIds(), []);
    assert.deepEqual(stager.events, []);
  });

  describe('for a task that nobody created', () => {
    const dayMs = 86_400_000;
    const clean = (): Promise<void> =>
      removeLostSpeech({ ...files, stamps: new StampSource(files.clock, 'cleanups') });
    const pass = (days: number): void => files.clock.moveTo(files.clock.offsetMs() + days * dayMs);
    const putTask = (id: string, fields: Record<string, unknown>): Promise<unknown> =>
      files.documents.commit(
        [
          {
            path: `tasks/${id}`,
            ifVersion: 'absent',
            changes: Object.entries(fields).map(([name, value]) => ({ path: [name], value })),
          },
        ],
        'test',
      );
    const settle = async (): Promise<void> => {
      await files.finalize();
      await files.index.flush(files.documents);
    };

    it('goes 57 days later, with its document; what a proxy sent and what has a task stays', async () => {
      await send({ task_id: 'lost' });
      for (const task_id of ['there', 'orphan']) await send({ task_id });
      await send({ task_id: 'proxys' }, { key: 'ingest-key' });
      await putTask('there', { created_at: new Date(), [ttlField]: new Date() });
      await putTask('orphan', { created_at: null, [ttlField]: new Date() });
      await settle();
      pass(56);
      await clean();
      assert.equal((await files.names()).length, 4);
      pass(2);
      await clean();
      await settle();
      assert.equal((await files.names()).length, 3);
      files.firestore.resetUsage();
      await clean();
      assert.equal(files.firestore.usage().reads, 1, 'the orphan alone is looked for again');
      assert.equal((await files.names()).length, 3);
    });

    it('is left as it is while Firestore fails', async () => {
      await send();
      pass(60);
      files.fail('firestore', 14);
      await assert.rejects(clean());
      assert.equal((await files.names()).length, 1);
    });
  });
});
