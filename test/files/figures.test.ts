import assert from 'node:assert/strict';
import { fileFigures, keepTotals } from '../../functions/src/files/figures.ts';
import { saveFile } from '../../functions/src/files/saving.ts';
import { DocumentError } from '../../functions/src/platform/documents.ts';
import type { ObjectFacts, ObjectStore, PutOptions } from '../../functions/src/platform/objects.ts';
import { ManualClock } from '../support/clock.ts';
import { memoryLogger } from '../support/logger.ts';
import { MemoryObjects } from '../support/objects.ts';

const facts = (index: number): ObjectFacts => ({
  name: `tts_audio/00000000-0000-4000-8000-${String(index).padStart(11, '0')}2`,
  bytes: 10,
  generation: '1',
  contentType: 'audio/wav',
  createdMs: 0,
  md5: undefined,
  labels: { file_name: 'a', file_type: 'tts' },
});

describe('figures of files', () => {
  const clock = new ManualClock();
  const control = new MemoryObjects(clock).connect();
  const counted: number[] = [];
  const reader = (objects: ObjectFacts[], inFirestore: () => number) =>
    fileFigures({
      objects: { list: async (_, { limit }) => objects.slice(0, limit), get: control.get },
      documents: {
        count: async () => {
          counted.push(clock.now());
          return inFirestore();
        },
      },
      clock,
    });
  beforeEach(() => {
    counted.length = 0;
  });

  it('come from one list a minute and one count, good for a quarter of an hour for each read that it cost', async () => {
    const figures = reader([facts(1), facts(2)], () => 2_500);
    const first = await figures();
    assert.equal(first.total_files, 2_502);
    assert.equal(first.firestore_files, 2_500);
    assert.deepEqual(first.local_storage?.tts_audio, { files: 2, bytes: 20 });
    await clock.advance(3 * 15 * 60_000 - 1_000);
    await figures();
    assert.equal(counted.length, 1);
    await clock.advance(1_000);
    await figures();
    assert.equal(counted.length, 2);
  });

  it('come from what cleanup kept where there are too many objects to list', async () => {
    const many = Array.from({ length: 1_000 }, (_, index) => facts(index));
    assert.equal((await reader(many, () => 0)()).local_storage, null);
    await keepTotals(control, [...many, facts(1_000)], clock.now());
    assert.deepEqual((await reader(many, () => 0)()).local_storage?.tts_audio, {
      files: 1_001,
      bytes: 10_010,
    });
  });

  it('are null where nobody can tell, until ten seconds later', async () => {
    let isCovered = false;
    const figures = reader([facts(1)], () => {
      if (isCovered) return 5;
      throw new DocumentError('no_quota', 'No lease covers 100 reads.');
    });
    const { firestore_files, total_files, local_storage } = await figures();
    assert.deepEqual([firestore_files, total_files, local_storage?.tts_audio.files], [null, null, 1]);
    isCovered = true;
    await clock.advance(10_000);
    assert.equal((await figures()).total_files, 6);
  });
});

describe('a small file that no lease covers', () => {
  it('goes to Cloud Storage', async () => {
    const created: string[] = [];
    const objects = {
      put: async (name: string, bytes: Buffer, { contentType, labels }: PutOptions) => {
        created.push(name);
        return { ...facts(1), name, bytes: bytes.length, contentType, labels };
      },
    } as unknown as ObjectStore;
    const refuse = () => Promise.reject(new DocumentError('no_quota', 'No lease covers a write.'));
    const documents = { read: refuse, commit: refuse, commitIfAbsent: refuse, query: refuse, count: refuse };
    const clock = new ManualClock();
    const logger = memoryLogger();
    const parts = { objects, documents, clock, logger, noteStored: () => undefined, inlineMaxBytes: 1_000 };
    const fileId = '00000000-0000-4000-8000-000000000002';
    const claim = { fileId, fileName: 'a', contentType: 'audio/wav', fileType: 'tts', size: 3, madeBy: 'k' };
    const record = await saveFile(parts, { ...claim, sha256: 'ab' }, Buffer.from('abc'));
    assert.deepEqual(created, [`tts_audio/${fileId}`]);
    assert.equal(record.location, 'cloud_storage');
    assert.equal(clock.pendingTimers, 0);
  });
});
