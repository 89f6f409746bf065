import assert from 'node:assert/strict';
import { storedDocument, tombstone, tombstonePath } from '../../functions/src/documents/document.ts';
import { tombstoneMs } from '../../functions/src/documents/limits.ts';
import { reduceDocument } from '../../functions/src/documents/reducer.ts';
import { deletedAt, unstamped } from '../../functions/src/documents/state.ts';
import type { OperationAccepted } from '../../functions/src/events/event.ts';
import { type Fields, ttlField } from '../../functions/src/platform/documents.ts';
import { startMs } from '../support/clock.ts';
import { response } from '../support/events.ts';
import { operation } from '../support/operations.ts';
import { flushRequest, type Pipeline, startPipeline } from '../support/pipeline.ts';

const path = 'things/1';
const grave = tombstonePath(path);
const prompt = { visibility: 'prompt' } as const;

let pipeline: Pipeline;

beforeEach(() => {
  pipeline = startPipeline();
});

/** A document as readers see it. */
function shown(at = path): Fields | undefined {
  const fields = pipeline.documents.fields(at);
  if (fields === undefined) return undefined;
  const { _sluice: meta, ...rest } = fields;
  assert.ok(meta === undefined || meta instanceof Uint8Array);
  return rest;
}

async function flush(...operations: OperationAccepted[]): Promise<void> {
  await pipeline.accept(operations.map((each) => ({ ...each, ...prompt })));
  await pipeline.tick();
}

describe('flush: operations on documents', () => {
  it('are one write a document, however many they are', async () => {
    const many = Array.from({ length: 300 }, (_, index) =>
      operation(`things/${index % 3}`, startMs, 'update', { [`f${index}`]: index }, { sequence: index }),
    );
    await pipeline.accept(many);
    await pipeline.tick();
    assert.deepEqual(pipeline.documents.commits, [['things/0', 'things/1', 'things/2']]);
    assert.equal(Object.keys(shown('things/2') ?? {}).length, 100);
    assert.equal(shown('things/2')?.['f299'], 299);
  });

  it('are none where nothing changes, and cost no read of what this instance wrote last', async () => {
    const change = operation(path, startMs, 'update', { a: 1 });
    await flush(operation(path, startMs - 1, 'set', {}), change);
    await flush(operation(path, startMs + 1, 'update', { b: 1 }));
    await flush(change);
    assert.equal(pipeline.documents.writes, 2);
    const readsOfDocument = pipeline.documents.reads.filter(([first]) => first === path).length;
    assert.equal(readsOfDocument, 2, 'one before it was made, one as a transaction tells no version');
  });

  it('cost no read of a document whose id was made for it, but for its tombstone', async () => {
    const made = { ...operation(path, startMs, 'set', { a: 1 }), isNew: true } as const;
    await flush(made);
    assert.deepEqual(pipeline.documents.reads, [[grave]]);
    assert.deepEqual(shown(), { a: 1 });
    pipeline.start();
    await flush(made, operation(path, startMs + 1, 'update', { b: 1 }));
    assert.deepEqual(shown(), { a: 1, b: 1 }, 'also where it was delivered before');
    await flush(operation('things/2', startMs + 1, 'delete'));
    await flush({ ...made, path: 'things/2' });
    assert.equal(shown('things/2'), undefined, 'also where its deletion came first');
  });

  it('store times and bytes as such', async () => {
    await flush(
      operation(path, startMs, 'set', {
        at: { $timestamp: '2026-01-01T00:00:00.000Z' },
        raw: [{ $bytes: 'AAEC' }],
      }),
    );
    assert.deepEqual(shown(), { at: new Date('2026-01-01T00:00:00Z'), raw: [Buffer.from([0, 1, 2])] });
  });

  it('wait for others: up to 30 s, or until 100 are in hand over all documents', async () => {
    await pipeline.accept([operation(path, startMs, 'set', { a: 1 })]);
    await pipeline.clock.advance(29_000);
    assert.equal(pipeline.documents.writes, 0);
    await pipeline.clock.advance(7_000);
    assert.deepEqual(shown(), { a: 1 });

    const nowMs = pipeline.clock.now();
    const each = (from: number, count: number) =>
      Array.from({ length: count }, (_, index) => operation(`x/${from + index}`, nowMs, 'set', {}));
    await pipeline.accept(each(0, 99));
    await pipeline.tick();
    assert.equal(pipeline.documents.writes, 1);
    await pipeline.accept(each(99, 1));
    await pipeline.tick();
    assert.equal(pipeline.documents.writes, 101);
  });

  it('are left alone by code that knows none, also once they were carried', async () => {
    await pipeline.accept([operation(path, startMs, 'set', {})]);
    await pipeline.clock.advance(22_000);
    const schemas = pipeline.tasks.put.map(({ data }) => data['schema']);
    assert.ok(schemas.length > 1, 'carried');
    assert.deepEqual(new Set(schemas), new Set([2]));
  });

  it('do not wait where they are prompt, a flush was asked for, or their carrier came early', async () => {
    await flush(operation('x/prompt', startMs, 'set', {}));
    await pipeline.accept([operation('x/asked', pipeline.clock.now(), 'set', {})]);
    const data = flushRequest('zzzzzzzzzzzzzzzzzzzzz', pipeline.clock.now());
    await pipeline.tasks.connect('flush').put(data, pipeline.clock.now());
    await pipeline.tick();
    assert.deepEqual(pipeline.documents.paths(), ['x/asked', 'x/prompt']);
    pipeline = startPipeline();
    pipeline.tasks.ignoresSchedule = true;
    await pipeline.accept([operation('x/early', startMs, 'set', {})]);
    await pipeline.clock.advance(1_000);
    assert.deepEqual(pipeline.documents.paths(), ['x/early']);
  });

  it('share a flush with tasks', async () => {
    await pipeline.accept([
      operation(path, startMs, 'set', { a: 1 }, prompt),
      ...[1, 2, 3].map((uid) => response('t', startMs, uid)),
    ]);
    await pipeline.tick();
    assert.deepEqual(pipeline.documents.paths(), ['tasks/t', path].sort());
    const line = pipeline.log.find(({ message }) => message === 'Flushed');
    assert.deepEqual(
      [line?.fields['responses'], line?.fields['operations'], line?.fields['written']],
      [3, 1, 2],
    );
  });
});

describe('flush: documents that others write as well', () => {
  it('are adopted as they are', async () => {
    pipeline.documents.set(path, { mine: { deep: 1 }, at: new Date(startMs) });
    await flush(operation(path, startMs - 1_000, 'update', { 'mine.new': 2 }));
    assert.deepEqual(shown(), { mine: { deep: 1, new: 2 }, at: new Date(startMs) });
  });

  it('keep what others wrote between flushes, but for the fields that operations name', async () => {
    await flush(operation(path, startMs, 'set', { a: { b: 1, c: 1 }, d: 1 }));
    const fields = pipeline.documents.fields(path) ?? {};
    pipeline.documents.set(path, { ...fields, a: { b: 'theirs', c: 'theirs' }, d: 'theirs', e: 'theirs' });
    await flush(operation(path, startMs + 1, 'update', { 'a.b': 2 }));
    assert.deepEqual(shown(), { a: { b: 2, c: 'theirs' }, d: 'theirs', e: 'theirs' });
  });

  it('are read again when somebody comes in between', async () => {
    pipeline.documents.set(path, { n: 1 });
    pipeline.documents.beforeCommit = () => pipeline.documents.set(path, { n: 2, theirs: true });
    await flush(operation(path, startMs, 'update', { mine: true }));
    assert.deepEqual(shown(), { n: 2, theirs: true, mine: true });
  });

  it('may be gone', async () => {
    await flush(operation(path, startMs, 'set', { a: 1 }));
    await flush(operation(path, startMs + 1, 'update', { b: 1 }));
    await pipeline.documents.connect().commit([{ path, ifVersion: 'any', changes: 'deleted' }], 'test');
    await flush(operation(path, startMs + 2, 'update', { c: 1 }));
    assert.deepEqual(shown(), { c: 1 });
  });
});

describe('flush: deleted documents', () => {
  it('cost one delete and one write for their tombstone, in one commit', async () => {
    await flush(operation(path, startMs, 'set', { a: 1 }));
    const deletion = operation(path, startMs + 1, 'delete');
    await flush(deletion);
    assert.deepEqual(pipeline.documents.commits.at(-1), [path, grave]);
    assert.deepEqual(pipeline.documents.paths(), [grave]);
    const buried = pipeline.documents.fields(grave);
    assert.equal(buried?.['path'], path);
    assert.deepEqual(buried?.[ttlField], new Date(startMs + 1 + tombstoneMs));
  });

  it('stay deleted when older operations come later, at no write', async () => {
    await flush(operation(path, startMs + 5, 'delete'));
    assert.deepEqual(pipeline.documents.paths(), [grave]);
    const { writes } = pipeline.documents;
    await flush(operation(path, startMs, 'set', { a: 1 }), operation(path, startMs + 4, 'update', { b: 1 }));
    assert.equal(pipeline.documents.writes, writes);
    assert.deepEqual(pipeline.documents.paths(), [grave]);
    assert.deepEqual(pipeline.objects.names(), []);
  });

  it('come again by later operations, with nothing older than the deletion', async () => {
    await flush(operation(path, startMs, 'set', { a: 1 }));
    await flush(operation(path, startMs + 5, 'delete'));
    await flush(operation(path, startMs + 6, 'update', { b: 1 }));
    assert.deepEqual(pipeline.documents.paths(), [path], 'the tombstone went with it');
    await flush(operation(path, startMs + 4, 'update', { c: 1 }));
    assert.deepEqual(shown(), { b: 1 });
  });

  it('remember the latest deletion', async () => {
    await flush(operation(path, startMs + 1, 'delete'));
    await flush(operation(path, startMs + 5, 'delete'));
    await flush(operation(path, startMs + 4, 'set', { a: 1 }));
    assert.deepEqual(pipeline.documents.paths(), [grave]);
  });

  it('are deleted also when another flusher makes them in between', async () => {
    const older = reduceDocument(unstamped(path), [operation(path, startMs, 'set', { a: 1 })]).state;
    pipeline.documents.beforeCommit = () => pipeline.documents.set(path, storedDocument(older) ?? {});
    await flush(operation(path, startMs + 1, 'delete'));
    assert.deepEqual(pipeline.documents.paths(), [grave]);
  });

  it('are not made when another flusher buries them in between', async () => {
    const later = deletedAt(path, operation(path, startMs + 1, 'delete').stamp);
    pipeline.documents.beforeCommit = () => pipeline.documents.set(grave, tombstone(later));
    await flush(operation(path, startMs, 'set', { a: 1 }));
    assert.deepEqual(pipeline.documents.paths(), [grave]);
  });

  it('are not made on the tombstone of an earlier deletion when a later one comes in between', async () => {
    await flush(operation(path, startMs, 'delete'));
    const later = deletedAt(path, operation(path, startMs + 5, 'delete').stamp);
    let commits = 0;
    // The first two find the tombstone of which nobody knew.
    const watch = (): void => {
      commits += 1;
      if (commits === 3) pipeline.documents.set(grave, tombstone(later));
      else pipeline.documents.beforeCommit = watch;
    };
    pipeline.documents.beforeCommit = watch;
    await flush(operation(path, startMs + 1, 'set', { a: 1 }));
    assert.deepEqual(pipeline.documents.paths(), [grave]);
  });
});

describe('flush: operations that cannot be applied', () => {
  const letters = () => pipeline.objects.json('dead-letters/');

  it('become dead letters where the document would pass 1 MiB, with its size; the others are written', async () => {
    const large = operation(path, startMs + 1, 'update', { large: 'x'.repeat(600_000) });
    const larger = operation(path, startMs + 2, 'update', { larger: 'x'.repeat(600_000) });
    await flush(
      operation(path, startMs, 'set', { a: 1 }),
      large,
      larger,
      operation(path, startMs + 3, 'update', { b: 1 }),
    );
    assert.deepEqual(Object.keys(shown() ?? {}).sort(), ['a', 'b', 'large']);
    const [letter, ...others] = letters();
    assert.deepEqual(others, []);
    assert.equal(letter?.['reason'], 'refused_by_firestore');
    assert.match(String(letter?.['detail']), /would have 120\d{4} bytes; at most 1048576/);
    assert.deepEqual(letter?.['event'], { ...larger, ...prompt });
  });

  it('become dead letters where they are older than the stamps that a document remembers', async () => {
    await flush(
      ...Array.from({ length: 1_001 }, (_, index) =>
        operation(path, startMs + index, 'update', { [`f${index}`]: 1 }),
      ),
    );
    await flush(operation(path, startMs - 1, 'update', { f0: 0, f1000: 0 }));
    assert.deepEqual(
      letters().map(({ reason }) => reason),
      ['too_old'],
    );
    assert.equal(shown()?.['f0'], 1);
  });

  it('hold nothing else back: one that Firestore refuses, one without a path, one that is none', async () => {
    pipeline.documents.refuse = (at) => (at === 'things/bad' ? 'a bad value' : undefined);
    const good = operation('things/good', startMs, 'set', { a: 1 });
    const unheard = { ...good, path: 'things/x', type: 'increment' } as unknown as OperationAccepted;
    await flush(good, { ...good, path: 'things/bad' }, { ...good, path: 'things/__x__' }, unheard);
    assert.deepEqual(pipeline.documents.paths(), ['things/good']);
    assert.deepEqual(
      letters()
        .map(({ reason }) => reason)
        .sort(),
      ['refused_by_firestore', 'unreadable', 'unreadable'],
    );
  });

  it('become dead letters after 45 days', async () => {
    await flush(operation(path, startMs - 46 * 86_400_000, 'set', { a: 1 }));
    assert.deepEqual(
      letters().map(({ reason }) => reason),
      ['too_old'],
    );
  });
});
