import assert from 'node:assert/strict';
import type { DocumentStore } from '../../functions/src/platform/documents.ts';
import { reopening } from '../../functions/src/quota/leasedDocuments.ts';
import { OperationMeter } from '../../functions/src/quota/meter.ts';
import { answering, unlimitedDocuments } from '../support/quota.ts';

const failing: DocumentStore = {
  read: () => Promise.reject(new Error('down')),
  commit: () => Promise.reject(new Error('down')),
  commitIfAbsent: () => Promise.reject(new Error('down')),
  query: () => Promise.reject(new Error('down')),
  count: () => Promise.reject(new Error('down')),
};

const write = { path: 'tasks/t1', ifVersion: 'absent', changes: [] } as const;
const query = { collection: 'tasks', filters: [], orderBy: [], limit: 5 };

describe('Metered documents', () => {
  it('count what each cause is billed', async () => {
    const meter = new OperationMeter();
    const documents = unlimitedDocuments(async () => answering, meter);

    await documents.read(['tasks/t1', 'tasks/t2'], 'flush');
    await documents.commit([{ ...write, changes: [] }], 'flush');
    await documents.commit([{ ...write, ifVersion: 'any', changes: 'deleted' }], 'flush');
    await documents.commitIfAbsent([{ ...write, changes: [] }], ['tombstones/1'], 'flush');
    await documents.count(query, 'status');
    await documents.query(query, 'feed');
    await documents.query(query, 'feed');

    assert.deepEqual(meter.byPurpose(), {
      flush: { reads: 3, writes: 2, deletes: 1 },
      status: { reads: 3, writes: 0, deletes: 0 },
      feed: { reads: 6, writes: 0, deletes: 0 },
    });
  });

  it('count what failed too, for it may have been done', async () => {
    const meter = new OperationMeter();
    const documents = unlimitedDocuments(async () => failing, meter);

    await assert.rejects(documents.read(['tasks/t1'], 'x'));
    await assert.rejects(documents.commit([{ ...write, changes: [] }], 'x'));
    await assert.rejects(documents.query(query, 'x'));

    assert.deepEqual(meter.byPurpose(), { x: { reads: 6, writes: 1, deletes: 0 } });
  });

  it('open the database at the first operation, once, and again only after that failed', async () => {
    let opened = 0;
    const meter = new OperationMeter();
    const open = reopening(async () => {
      opened += 1;
      if (opened === 1) throw new Error('no credentials');
      return answering;
    });
    const documents = unlimitedDocuments(open, meter);
    assert.equal(opened, 0);

    await assert.rejects(documents.read(['a'], 'x'), /no credentials/);
    await Promise.all([documents.read(['a'], 'x'), documents.read(['b'], 'x')]);

    assert.equal(opened, 2);
    assert.deepEqual(meter.byPurpose(), { x: { reads: 2, writes: 0, deletes: 0 } });
  });
});
