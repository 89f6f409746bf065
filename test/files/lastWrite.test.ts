import assert from 'node:assert/strict';
import { cleanUp } from '../../functions/src/files/cleanup.ts';
import { notingWrites } from '../../functions/src/files/lastWrite.ts';
import { saveFile } from '../../functions/src/files/saving.ts';
import { bytesOf, type FilesBackend, lastWriteRecord, startFiles } from './support.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const temporary = {
  fileId: '0f8fad5b-d9cb-469f-a165-708677289500',
  ...{ fileName: 'a', contentType: 'text/plain', fileType: 'temp', size: 10, sha256: 'a'.repeat(64) },
  madeBy: 'k',
};

const noteStored = (): void => undefined;

describe('the record of the last write of a file’s document', () => {
  let files: FilesBackend;

  beforeEach(async () => {
    files = await startFiles();
  });
  afterEach(() => files.close());

  /** The scheduled cleanup, and the reads that it took. */
  async function cleaned(isThorough = true, isAsked = false): Promise<number> {
    files.firestore.resetUsage();
    await cleanUp(files.cleanup, { maxAgeMs: dayMs, isThorough, isAsked });
    return files.firestore.usage().reads;
  }

  /** Stores a small temporary file, noting that. */
  function store(): Promise<unknown> {
    return saveFile({ ...notingWrites(files), noteStored, inlineMaxBytes: 1_000 }, temporary, bytesOf(10));
  }

  const written = async (): Promise<string | undefined> =>
    (await files.objects.get(lastWriteRecord))?.bytes.toString();

  it('lets cleanup ask Firestore once, and no more while nothing is written', async () => {
    assert.equal(await cleaned(false), 1);
    assert.equal(await written(), '{"written_at":null}');
    for (let hour = 0; hour < 30; hour += 1) {
      files.pass(hourMs);
      assert.equal(await cleaned(), 0);
    }
    assert.equal(await cleaned(true, true), 2, 'who asks for it gets it');
  });

  it('has cleanup look again from the first write, until nothing expires and all is long ago', async () => {
    await cleaned();
    await store();
    assert.notEqual(await written(), '{"written_at":null}');
    assert.ok((await cleaned(false)) > 0);
    assert.deepEqual(await files.documentIds(), [temporary.fileId]);
    files.pass(dayMs + hourMs);
    await cleaned();
    assert.deepEqual(await files.documentIds(), []);
    for (let day = 0; day < 44; day += 1) {
      files.pass(dayMs);
      assert.equal(await cleaned(false), 1, 'what was accepted may still be queued');
    }
    files.pass(dayMs);
    assert.equal(await cleaned(false), 1);
    files.pass(hourMs);
    assert.equal(await cleaned(), 0);
  });

  it('is never quiet while a document expires some day', async () => {
    await store();
    await files.objects.delete(lastWriteRecord);
    for (let hour = 0; hour < 3; hour += 1) {
      files.pass(hourMs);
      assert.equal(await cleaned(false), 1);
      assert.equal(await written(), undefined);
    }
  });

  it('is written once an hour, and beside what it is about', async () => {
    const parts = notingWrites(files);
    const generations = new Set<string | undefined>();
    for (let minute = 0; minute < 120; minute += 20) {
      await parts.index.write({ ...(await anyRecord()), createdMs: minute }, { stamp: files.stamps.next() });
      generations.add((await files.objects.describe(lastWriteRecord))?.generation);
      files.pass(20 * 60_000);
    }
    assert.equal(files.index.written.length, 6);
    assert.equal(generations.size, 2);
  });

  it('that cannot be written holds nothing up, and is tried again', async () => {
    const parts = notingWrites(files);
    files.fail('storage', 503);
    await saveFile({ ...parts, noteStored, inlineMaxBytes: 1_000 }, temporary, bytesOf(10));
    assert.equal(files.logger.lines.filter(({ severity }) => severity === 'WARNING').length, 1);
    files.faults.clear();
    assert.equal(await written(), undefined);
    await parts.index.write(await anyRecord(), { stamp: files.stamps.next() });
    assert.notEqual(await written(), undefined);
  });

  it('of another version is taken for a write of this moment', async () => {
    for (const content of ['not JSON', '{"written_at":7}', '{}']) {
      await files.objects.put(lastWriteRecord, Buffer.from(content));
      assert.equal(await cleaned(false), 1);
      assert.equal(await written(), content);
    }
  });

  it('stays busy where something is written while cleanup looks', async () => {
    const { documents } = files.cleanup;
    const meanwhile = {
      ...documents,
      query: async (...query: Parameters<typeof documents.query>) => {
        const result = await documents.query(...query);
        await store();
        return result;
      },
    };
    await cleanUp(
      { ...files.cleanup, documents: meanwhile },
      { maxAgeMs: dayMs, isThorough: false, isAsked: false },
    );
    assert.notEqual(await written(), '{"written_at":null}');
    assert.equal(await cleaned(false), 1);
  });

  async function anyRecord() {
    return saveFile(
      { ...files, noteStored, inlineMaxBytes: 1_000 },
      { ...temporary, fileId: '1f8fad5b-d9cb-469f-a165-708677289501', fileType: 'audio' },
      bytesOf(10),
    );
  }
});
