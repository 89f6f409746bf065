import assert from 'node:assert/strict';
import { tombstonePath } from '../../../functions/src/documents/document.ts';
import { fieldsOf, newRecord, recordFrom } from '../../../functions/src/files/record.ts';
import { KeyStore, keysObject } from '../../../functions/src/keys/keyStore.ts';
import type { Fields } from '../../../functions/src/platform/documents.ts';
import { AppError } from '../../../functions/src/platform/errors.ts';
import { hashedText } from '../../../functions/src/platform/hashedText.ts';
import { ledgerPath } from '../../../functions/src/quota/ledgerDocument.ts';
import { sweepSpool } from '../../../functions/src/staging/spool.ts';
import { presentWholeTask } from '../../../functions/src/tasks/present.ts';
import { plenty } from '../../quota/scene.ts';
import { ManualClock, startMs } from '../../support/clock.ts';
import { created, patched } from '../../support/events.ts';
import { memoryLogger } from '../../support/logger.ts';
import { MemoryObjects } from '../../support/objects.ts';
import { operation } from '../../support/operations.ts';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { MemoryTasks } from '../../support/tasks.ts';

const prompt = { visibility: 'prompt' } as const;
const isUnavailable = (error: unknown): boolean => error instanceof AppError && error.code === 'unavailable';

/** Stamps as another version writes them: of another number, or with more in them. */
const strangers = [
  { v: 99, anything: true },
  { v: 1, s: {}, f: {}, r: {}, later: 1 },
].map((meta) => ({ _sluice: hashedText(JSON.stringify(meta)) }));

for (const meta of strangers) {
  const found = { ...meta, note: 'of another version' };
  const cases: [what: string, path: string, stored: Fields, accept: (pipeline: Pipeline) => Promise<void>][] =
    [
      [
        'a task',
        'tasks/t',
        found,
        ({ accept, clock }) => accept([patched('t', clock.now(), { priority: 'high' }, prompt)]),
      ],
      [
        'a task that is created again',
        'tasks/t',
        found,
        ({ accept, clock }) => accept([created('t', clock.now(), {}, prompt)]),
      ],
      [
        'a document',
        'things/1',
        found,
        ({ accept, clock }) => accept([operation('things/1', clock.now(), 'set', { a: 1 }, prompt)]),
      ],
      [
        'a tombstone',
        tombstonePath('things/1'),
        { ...found, path: 'things/1' },
        ({ accept, clock }) => accept([operation('things/1', clock.now(), 'update', { a: 1 }, prompt)]),
      ],
    ];
  for (const [what, path, stored, accept] of cases) {
    it(`${what} with stamps of another version (${meta._sluice.subarray(8)}) is left as it is; its events wait`, async () => {
      const pipeline = startPipeline();
      pipeline.documents.set(path, stored);
      await accept(pipeline);
      await pipeline.accept([operation('things/other', startMs, 'set', { a: 1 }, prompt)]);
      await pipeline.clock.advance(24 * 3_600_000);
      assert.deepEqual(pipeline.documents.fields(path), stored);
      assert.deepEqual(pipeline.documents.paths(), [path, 'things/other'].sort());
      assert.deepEqual(pipeline.objects.names(), [], 'no dead letter');
      assert.deepEqual(
        pipeline.tasks.in('flush').map(({ data, retryCount }) => [data['schema'], data['count'], retryCount]),
        [[3, 1, 0]],
      );
      assert.ok(pipeline.tasks.put.length < 40, `${pipeline.tasks.put.length} puts`);
      pipeline.documents.set(path, { note: stored['note'] });
      await pipeline.clock.advance(2 * 3_600_000);
      assert.equal(pipeline.tasks.in('flush').length, 0, 'as if the version that knows it were back');
      assert.equal(pipeline.documents.paths().length, 2);
    });
  }

  it(`a task with such stamps (${meta._sluice.subarray(8)}) is not shown`, async () => {
    const objects = new MemoryObjects(new ManualClock()).connect();
    await assert.rejects(presentWholeTask('t', found, objects), isUnavailable);
  });
}

it('a ledger of another version grants nothing and stays as it is; what would need it waits', async () => {
  const pipeline = startPipeline({ limits: plenty });
  const stored = { ledger: JSON.stringify({ version: 99, leases: 'in another form' }) };
  pipeline.documents.set(ledgerPath, stored);
  await pipeline.accept([operation('things/1', startMs, 'set', { a: 1 }, prompt)]);
  await pipeline.clock.advance(3_600_000);
  assert.deepEqual(pipeline.documents.paths(), [ledgerPath]);
  assert.deepEqual(pipeline.documents.fields(ledgerPath), stored);
  assert.deepEqual(pipeline.objects.names(), []);
  assert.equal(pipeline.tasks.in('flush').length, 1);
});

for (const [what, content] of Object.entries({
  'another version': { version: 2, keys: [] },
  'more beside the keys': { version: 1, keys: [], later: 1 },
  'a key with more to it': {
    version: 1,
    keys: [{ id: 'k', role: 'read', sha256: 'a'.repeat(64), until: 1 }],
  },
})) {
  it(`keys of another version are neither used nor written over: ${what}`, async () => {
    const clock = new ManualClock();
    const memory = new MemoryObjects(clock);
    const keys = new KeyStore({
      objects: memory.connect(),
      clock,
      logger: memoryLogger(),
      firstKeys: () => '[]',
    });
    const bytes = Buffer.from(JSON.stringify(content));
    await memory.connect().put(keysObject, bytes);
    await assert.rejects(keys.find('some key'), isUnavailable);
    await assert.rejects(keys.add({ id: 'new', role: 'read', sha256: 'b'.repeat(64) }), isUnavailable);
    await assert.rejects(keys.remove('k'), isUnavailable);
    assert.deepEqual(memory.objects.get(keysObject)?.bytes, bytes);
  });
}

it('a spooled carrier of another version stays, as does what is none', async () => {
  const clock = new ManualClock();
  const memory = new MemoryObjects(clock);
  const tasks = new MemoryTasks(clock);
  const queues = { flush: tasks.connect('flush'), expire: tasks.connect('expire') };
  const put = (name: string, text: string) => memory.connect().put(`spool/${name}.json`, Buffer.from(text));
  await put(uuid(1), JSON.stringify({ queue: 'flush', due_ms: 1, data: {}, sealed: true }));
  await put(uuid(2), 'no JSON');
  assert.equal(await sweepSpool({ objects: memory.connect(), queues, clock, logger: memoryLogger() }), 0);
  assert.deepEqual(memory.names(), [`spool/${uuid(1)}.json`, `spool/${uuid(2)}.json`]);
});

it('a file in a state or place that is not known is not taken for another', () => {
  const fileId = uuid(0);
  const claim = {
    fileId,
    fileName: 'f',
    contentType: 'text/plain',
    fileType: 'document',
    size: 1,
    sha256: null,
    madeBy: null,
  };
  const stored = fieldsOf(newRecord(claim, { location: 'firestore', status: 'stored', createdMs: startMs }));
  assert.equal(recordFrom(fileId, stored)?.status, 'stored');
  for (const change of [{ status: 'archived' }, { location: 'tape' }]) {
    assert.throws(() => recordFrom(fileId, { ...stored, ...change }), isUnavailable);
  }
});

function uuid(number: number): string {
  return `00000000-0000-4000-8000-00000000000${number}`;
}
