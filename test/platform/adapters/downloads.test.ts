import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { ClientRequest } from 'node:http';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { cloudObjects } from '../../../functions/src/platform/cloudStorage.ts';
import { AppError } from '../../../functions/src/platform/errors.ts';
import { bucketName, limitMs, type Services, startServices } from './services.ts';

const content = Buffer.alloc(1_000_000, 'some bytes');

describe('a download', () => {
  let services: Services;
  let generation: string;
  const requests: ClientRequest[] = [];
  const note = (message: unknown): void => {
    requests.push((message as { request: ClientRequest }).request);
  };

  before(async () => {
    services = await startServices();
    const objects = cloudObjects(bucketName, { clock: services.clock, limitMs });
    generation = (await objects.put('large', content)).generation;
    subscribe('http.client.request.created', note);
  });
  after(() => {
    unsubscribe('http.client.request.created', note);
    return services.close();
  });
  beforeEach(() => {
    requests.length = 0;
  });
  afterEach(() => services.faults.clear());

  const open = (): Promise<Readable> =>
    cloudObjects(bucketName, { clock: services.clock, limitMs }).open({ name: 'large', generation });
  const advance = (ms: number): void => services.clock.setOffsetMs(services.clock.offsetMs() + ms);
  const closed = async (): Promise<void> => {
    while (!requests.every(({ destroyed }) => destroyed)) await nextTurn();
  };

  it('that stops half-way fails, and its connection is closed', async () => {
    const fault = { service: 'storage', rate: 1, forMs: 1_000_000, method: 'GET' } as const;
    services.faults.add({ ...fault, hang: true, phase: 'half' });
    const stream = await open();
    let bytes = 0;
    stream.on('data', (piece: Buffer) => {
      bytes += piece.length;
    });
    while (bytes < content.length / 2) await nextTurn();
    const failed = once(stream, 'error');
    advance(60_000);
    const [error] = (await failed) as [unknown];
    assert.ok(error instanceof AppError && error.code === 'unavailable', String(error));
    await closed();
  });

  it('may be read as slowly as its reader likes', async () => {
    const stream = await open();
    const pieces: Buffer[] = [];
    let left = content.length;
    for await (const piece of stream) {
      pieces.push(piece as Buffer);
      left -= (piece as Buffer).length;
      // The next has come by then.
      while (left > 0 && stream.readableLength === 0) await nextTurn();
      advance(600_000);
    }
    assert.ok(Buffer.concat(pieces).equals(content));
  });

  it('whose reader goes away closes its connection', async () => {
    const stream = await open();
    for await (const _ of stream) break;
    await closed();
    assert.equal(stream.destroyed, true);
  });

  it('fails at once for an object that is not there any more', async () => {
    const gone = cloudObjects(bucketName, { clock: services.clock, limitMs }).open({
      name: 'large',
      generation: '1',
    });
    await assert.rejects(gone, (error) => error instanceof AppError && error.code === 'unavailable');
  });

  it('leaves nothing behind, however often: Node warns of no listeners @slow', async () => {
    const warnings: Error[] = [];
    const warn = (warning: Error): number => warnings.push(warning);
    process.on('warning', warn);
    const objects = cloudObjects(bucketName, { clock: services.clock, limitMs });
    for (let time = 0; time < 4; time += 1) {
      await Promise.all(
        Array.from({ length: 10 }, async (_, number) => {
          if (number % 2 === 0) assert.equal((await objects.get('large'))?.bytes.length, content.length);
          else assert.equal((await buffer(await open())).length, content.length);
        }),
      );
    }
    await nextTurn();
    process.off('warning', warn);
    assert.deepEqual(
      warnings.filter(({ name }) => name === 'MaxListenersExceededWarning'),
      [],
    );
  });
});
