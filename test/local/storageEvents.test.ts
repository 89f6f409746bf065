import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StorageEvents } from '../../local/functions/storageEvents.ts';
import { OffsetClock } from '../../local/shared/clock.ts';
import { closeServer, listen } from '../../local/shared/http.ts';
import type { StorageEvent } from '../../local/storage/index.ts';
import { until } from './support.ts';

const finalized = 'google.cloud.storage.object.v1.finalized';

describe('a bucket’s events', () => {
  const clock = new OffsetClock();
  const received: { type: string; id: string; data: { name: string } }[] = [];
  let answers: number[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    received.push(JSON.parse(body));
    response.writeHead(answers.shift() ?? 204).end();
  });
  let url: string;
  before(async () => {
    url = `http://127.0.0.1:${await listen(server, 0, 'events')}/filed`;
  });
  after(() => closeServer(server));
  beforeEach(() => {
    received.length = 0;
    answers = [];
  });

  const eventsFor = (retry: boolean) => {
    const subscribers = [{ name: 'filed', eventType: finalized, retry, url }];
    return new StorageEvents({ clock, log: () => {}, subscribers });
  };
  const event = (type: StorageEvent['type']): StorageEvent => ({
    type,
    bucket: 'bucket',
    object: { name: 'a' },
    atMs: clock.now(),
  });
  const settled = (events: StorageEvents, count: number) =>
    until(() => received.length === count && events.inFlight() === 0);

  it('go to who asked for their kind', async () => {
    const events = eventsFor(true);
    events.publish(event('google.cloud.storage.object.v1.deleted'));
    events.publish(event(finalized));
    await settled(events, 1);
    assert.deepEqual([received[0]?.type, received[0]?.data.name], [finalized, 'a']);
    events.close();
  });

  it('come again, the same, until they are taken', async () => {
    const events = eventsFor(true);
    answers = [500, 500];
    events.publish(event(finalized));
    await settled(events, 1);
    clock.setOffsetMs(clock.offsetMs() + 10_000);
    await settled(events, 2);
    clock.setOffsetMs(clock.offsetMs() + 20_000);
    await settled(events, 3);
    clock.setOffsetMs(clock.offsetMs() + 3_600_000);
    assert.equal(new Set(received.map(({ id }) => id)).size, 1);
    events.close();
  });

  it('come a second time, the same, after they were taken, where so told', async () => {
    const events = eventsFor(true);
    events.setTwiceShare(1);
    answers = [500];
    events.publish(event(finalized));
    await settled(events, 1);
    clock.setOffsetMs(clock.offsetMs() + 10_000);
    await settled(events, 3);
    assert.equal(new Set(received.map(({ id }) => id)).size, 1);
    events.setTwiceShare(0);
    events.publish(event(finalized));
    await settled(events, 4);
    clock.setOffsetMs(clock.offsetMs() + 3_600_000);
    assert.equal(events.inFlight(), 0);
    events.close();
  });

  it('that nobody took yet are kept from one start to the next, the same', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'events-'));
    try {
      const events = eventsFor(true);
      answers = [200, 500];
      events.publish(event(finalized));
      await settled(events, 1);
      events.publish(event(finalized));
      await settled(events, 2);
      events.close();
      await events.exportState(dir);
      const others = eventsFor(true);
      await others.importState(dir);
      await settled(others, 3);
      assert.equal(received[2]?.id, received[1]?.id);
      await others.exportState(dir);
      const last = eventsFor(true);
      await last.importState(dir);
      assert.equal(last.inFlight(), 0);
      others.close();
      last.close();
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it('come once where the function does not want them again', async () => {
    const events = eventsFor(false);
    answers = [500];
    events.publish(event(finalized));
    await settled(events, 1);
    clock.setOffsetMs(clock.offsetMs() + 3_600_000);
    assert.equal(events.inFlight(), 0);
    events.close();
  });
});
