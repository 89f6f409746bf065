import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256Hex } from '../../../functions/src/platform/ids.ts';
import { deadLetterName } from '../../../functions/src/staging/deadLetterName.ts';
import { addSnapshot } from '../../../local/data.ts';
import { StorageEvents } from '../../../local/functions/storageEvents.ts';
import { OffsetClock } from '../../../local/shared/clock.ts';
import { Faults } from '../../../local/shared/faults.ts';
import { Buckets } from '../../../local/storage/buckets.ts';
import { writeSnapshot } from '../../../local/storage/snapshot.ts';
import { startTasks } from '../../../local/tasks/index.ts';
import { operation } from '../../support/operations.ts';

/** A letter of the bucket, with the document that it would write. */
export interface StoredLetter {
  id: string;
  path: string;
}

/**
 * A data folder for a local stack whose bucket holds so many dead letters and nothing else; and the letters, in the
 * order in which they are listed. Put one by one into a stack, each would be an event for its functions.
 */
export async function dataWithLetters(
  bucketName: string,
  count: number,
): Promise<{ data: string; letters: StoredLetter[] }> {
  const clock = new OffsetClock();
  const buckets = new Buckets(clock, () => {});
  const bucket = buckets.create(bucketName);
  const letters = Array.from({ length: count }, (_, index) => {
    const path = `things/thing-${index}`;
    const event = operation(path, clock.now() - index * 1000, 'set', { index }, { visibility: 'prompt' });
    const id = sha256Hex(JSON.stringify({ event }));
    const told = { reason: 'refused_by_firestore', detail: `Firestore refused thing ${index}.` };
    const data = Buffer.from(JSON.stringify({ id, ...told, at: new Date(clock.now()).toISOString(), event }));
    const fields = { contentType: 'application/json' };
    bucket.put(deadLetterName(id), { data, fields }, new URLSearchParams());
    return { id, path };
  });
  const data = join(await mkdtemp(join(tmpdir(), 'sluice-page-')), 'data');
  const tasks = await startTasks({ clock, faults: new Faults(clock), port: 0, queues: [] });
  const events = new StorageEvents({ clock, log: () => {}, subscribers: [] });
  await mkdir(data);
  await addSnapshot(data, { clockOffsetMs: 0, functionsUrl: 'http://127.0.0.1' }, async (directory) => {
    await writeSnapshot(directory, buckets);
    for (const service of [tasks, events]) await service.exportState(directory);
  });
  await tasks.close();
  return { data, letters: letters.sort((a, b) => (a.id < b.id ? -1 : 1)) };
}
