import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';
import { codeOf, type Harness, startHarness } from './harness.ts';

type Counts = Record<'class_a' | 'class_b' | 'free', number>;

/** Node's requests by the price list's classes (https://cloud.google.com/storage/pricing#operations-by-class). */
function classOf({ method, path }: ClientRequest): keyof Counts {
  const { pathname, searchParams } = new URL(path, 'http://localhost');
  if (method === 'DELETE') return 'free';
  if (method === 'PUT' && searchParams.has('upload_id')) return 'free';
  const isList = /\/v1\/b(\/[^/]+\/o)?$/.test(pathname);
  return method === 'GET' && !isList ? 'class_b' : 'class_a';
}

describe('Cloud Storage: what is billed is what the client sent', () => {
  let harness: Harness;
  let counts: Counts;
  const count = (message: unknown): void => {
    const { request } = message as { request: ClientRequest };
    if (
      request.host !== '127.0.0.1' ||
      !request.getHeader('host')?.toString().endsWith(`:${harness.storage.port}`)
    )
      return;
    counts[classOf(request)] += 1;
  };
  before(async () => {
    harness = await startHarness();
    counts = { class_a: 0, class_b: 0, free: 0 };
    subscribe('http.client.request.start', count);
  });
  after(async () => {
    unsubscribe('http.client.request.start', count);
    await harness.close();
  });

  it('over uploads of each kind, reads, lists, changes, copies and deletes', async () => {
    const { bucket } = harness;
    for (const name of ['a', 'b', 'c', 'd', 'e']) await bucket.file(name).save(name, { resumable: false });
    await bucket.file('large').save(Buffer.alloc(600_000), { resumable: true, chunkSize: 262_144 });
    await bucket.getFiles({ maxResults: 2 });
    await bucket.getMetadata();
    await bucket.file('a').setMetadata({ metadata: { x: '1' } });
    await bucket.file('a').copy('f');
    await bucket.combine(['a', 'b'], 'g');
    await bucket.file('large').download();
    await bucket.file('b').exists();
    await bucket.file('c').delete();
    await bucket.deleteFiles({ prefix: 'l' });
    const { class_a, class_b } = counts;
    assert.deepEqual(harness.storage.usage(), { class_a, class_b });
    assert.deepEqual(counts, { class_a: 11, class_b: 3, free: 5 });
  });

  it('less what failed, which is not billed', async () => {
    const { class_a, class_b } = counts;
    const before = harness.storage.usage();
    assert.equal(await codeOf(harness.bucket.file('none').getMetadata()), 404);
    const once = { resumable: false, preconditionOpts: { ifGenerationMatch: 0 } };
    assert.equal(await codeOf(harness.bucket.file('a').save('x', once)), 412);
    assert.deepEqual([counts.class_a - class_a, counts.class_b - class_b], [1, 1]);
    assert.deepEqual(harness.storage.usage(), before);
  });
});
