import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Firestore } from '@google-cloud/firestore';
import { profiles } from '../../../functions/src/app/sizes.ts';
import type { LogEntry } from '../../../local/shared/log.ts';
import { type LocalStack, startStack } from '../../../local/stack.ts';

// Off the cloud, the client would look for a metadata server.
process.env['METADATA_SERVER_DETECTION'] ??= 'none';

const miners = 256;
const minersPerTask = 4;
const withinMs = 1000;

for (const profile of Object.keys(profiles)) {
  describe(`a burst of ${miners} miners in a second, profile ${profile} @slow`, function () {
    this.timeout(120_000);
    const log: LogEntry[] = [];
    let stack: LocalStack;
    let database: Firestore;
    before(async () => {
      stack = await startStack({
        ports: 'free',
        projectId: `demo-burst-${profile}`,
        limitCpu: true,
        env: { PROFILE: profile },
        log: (source, entry) => source === 'ingest' && log.push(entry),
      });
      const [host, port] = ['127.0.0.1', stack.ports.firestore];
      database = new Firestore({ projectId: `demo-burst-${profile}`, host, port, ssl: false });
    });
    after(async () => {
      await database.terminate();
      await stack.close();
    });

    const taskOf = (uid: number): string => `burst-${Math.floor(uid / minersPerTask)}`;

    async function answer(uid: number): Promise<number> {
      await sleep((uid * withinMs) / miners);
      const response = await fetch(`${stack.urls.functions}/sluice-ingest/v1/responses`, {
        method: 'POST',
        headers: { 'x-api-key': stack.keys['ingest'] ?? '', 'content-type': 'application/json' },
        body: JSON.stringify({ task_id: taskOf(uid), miner_uid: uid, response_data: { text: `by ${uid}` } }),
      });
      await response.arrayBuffer();
      return response.status;
    }

    it('loses nothing that it acknowledged, and refuses nobody by default', async () => {
      const statuses = await Promise.all(Array.from({ length: miners }, (_, uid) => answer(uid)));
      const taken = statuses.flatMap((status, uid) => (status === 202 ? [uid] : []));
      // In small shares, and on a slow machine, some find no instance with room, or none in time: they may send again.
      if (profile === 'default') assert.equal(taken.length, miners);
      for (const status of statuses) assert.ok([202, 429, 503].includes(status), `answered ${status}`);
      await stack.advance(130_000);
      const { docs } = await database.collection('tasks').get();
      const written = docs.flatMap((task) => Object.keys(task.get('miner_responses')).map(Number));
      assert.equal(new Set(written).size, written.length);
      assert.deepEqual(
        taken.filter((uid) => !written.includes(uid)),
        [],
      );
    });

    it('waits for others only where an instance serves several', () => {
      const lines = log.filter(({ message }) => message === 'Limits of staging');
      assert.notEqual(lines.length, 0);
      const expected = profile === 'small' ? [0, 0] : [20, 150];
      for (const { lingerMs, lingerMaxMs } of lines) assert.deepEqual([lingerMs, lingerMaxMs], expected);
    });
  });
}
