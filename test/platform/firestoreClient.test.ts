import assert from 'node:assert/strict';
import { DocumentError, type DocumentFailure } from '../../functions/src/platform/documents.ts';
import { type Backend, startBackend } from '../support/api.ts';

const resourceExhausted = 8;
const unavailable = 14;
const write = { path: 'work/w1', ifVersion: 'any', changes: [{ path: ['n'], value: 1 }] } as const;

describe('Firestore’s client', () => {
  let backend: Backend;

  beforeEach(async () => {
    backend = await startBackend();
  });

  afterEach(() => backend.close());

  function fail(code: number, method: string): void {
    backend.faults.add({ service: 'firestore', code, rate: 1, forMs: 1_000_000, phase: 'before', method });
  }

  function failsWith(failure: DocumentFailure): (error: unknown) => boolean {
    return (error) => error instanceof DocumentError && error.failure === failure;
  }

  it('tells at once that Firestore’s quota is used up, with when to come again', async () => {
    fail(resourceExhausted, 'Commit');
    const { documents } = backend;
    const commit = documents.commit([{ ...write, changes: [...write.changes] }], 'test');
    await assert.rejects(commit, failsWith('exhausted'));
    await assert.rejects(commit, ({ retryAtMs }: DocumentError) => retryAtMs !== undefined);
  });

  it('repeats nothing by itself that no lease would cover', async () => {
    const { documents, faults } = backend;
    for (const [method, call] of Object.entries({
      Commit: () => documents.commit([{ ...write, changes: [...write.changes] }], 'test'),
      BatchGetDocuments: () => documents.read(['work/w1'], 'test'),
      RunQuery: () => documents.query({ collection: 'work', filters: [], orderBy: [], limit: 1 }, 'test'),
      RunAggregationQuery: () => documents.count({ collection: 'work', filters: [] }, 'test'),
    })) {
      let asked = 0;
      const check = faults.check.bind(faults);
      faults.check = (service, name, phase) => {
        if (name === method && phase === 'before') asked += 1;
        return check(service, name, phase);
      };
      fail(unavailable, method);
      await assert.rejects(call, failsWith('unavailable'), method);
      assert.equal(asked, 1, method);
      faults.check = check;
    }
  });

  it('takes whatever the service does not say of the request itself for an outage', async () => {
    const { documents } = backend;
    const failures: Record<number, [write: DocumentFailure, read: DocumentFailure]> = {
      3: ['invalid', 'invalid'],
      5: ['conflict', 'unavailable'],
      6: ['conflict', 'unavailable'],
      8: ['exhausted', 'exhausted'],
      9: ['conflict', 'unavailable'],
    };
    // The client repeats aborted commits (10) for minutes.
    const codes = Array.from({ length: 16 }, (_, index) => index + 1).filter((code) => code !== 10);
    for (const code of codes) {
      fail(code, 'Commit');
      fail(code, 'RunQuery');
      const [ofWrite, ofRead] = failures[code] ?? ['unavailable', 'unavailable'];
      const commit = documents.commit([{ ...write, changes: [...write.changes] }], 'test');
      await assert.rejects(commit, failsWith(ofWrite), `commit ${code}`);
      const query = documents.query({ collection: 'work', filters: [], orderBy: [], limit: 1 }, 'test');
      await assert.rejects(query, failsWith(ofRead), `query ${code}`);
      backend.faults.clear();
    }
  });

  it('says in its own words that a write is refused; the service’s stay behind them', async () => {
    fail(3, 'Commit');
    const commit = backend.documents.commit([{ ...write, changes: [...write.changes] }], 'test');
    await assert.rejects(commit, ({ message, cause }: DocumentError) => {
      assert.equal(message, 'Firestore does not take this name or value.');
      return /INVALID_ARGUMENT/.test(String(cause));
    });
  });

  it('keeps integers to the digit, also beside others that are small', async () => {
    const value = {
      most: 2n ** 63n - 1n,
      least: -(2n ** 63n),
      list: [9007199254740993n, 7, 1.5, 2 ** 53 - 1],
    };
    const changes = [{ path: ['n'], value }];
    await backend.documents.commit([{ ...write, changes }], 'test');
    const [found] = await backend.documents.read(['work/w1'], 'test');
    assert.deepEqual(found?.fields, { n: value });
    assert.equal(await backend.documents.count({ collection: 'work', filters: [] }, 'test'), 1);
  });

  it('calls what its client refuses before it asks invalid', async () => {
    const { documents } = backend;
    await assert.rejects(documents.read(['no/document/path'], 'test'), failsWith('invalid'));
    const undefinedValue = { ...write, changes: [{ path: ['n'], value: undefined }] };
    await assert.rejects(documents.commit([undefinedValue], 'test'), failsWith('invalid'));
  });
});
