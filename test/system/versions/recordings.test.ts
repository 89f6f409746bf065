import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { StampSource } from '../../../functions/src/events/stamp.ts';
import { recordFrom } from '../../../functions/src/files/record.ts';
import { KeyStore } from '../../../functions/src/keys/keyStore.ts';
import { listLetters, replayLetter } from '../../../functions/src/operator/deadLetters.ts';
import { pauseEndMs } from '../../../functions/src/operator/pause.ts';
import type { Fields } from '../../../functions/src/platform/documents.ts';
import { Outbox } from '../../../functions/src/staging/outbox.ts';
import { ManualClock } from '../../support/clock.ts';
import { countingIds } from '../../support/ids.ts';
import { memoryLogger } from '../../support/logger.ts';
import { MemoryObjects } from '../../support/objects.ts';
import { samples } from '../../support/samples.ts';
import { MemoryTasks } from '../../support/tasks.ts';
import { formsIn } from './forms.ts';
import { later } from './later.ts';
import { aFileId, goOn, pausedUntilMs, type Recording, record } from './recording.ts';
import { untagged } from './tagged.ts';

const golden = join(import.meta.dirname, 'golden');

/** Recordings of the versions before, each made by its own code (`record.ts`); none is ever changed. */
const recordings = readdirSync(golden).map((name): [name: string, recording: Recording] => [
  name,
  JSON.parse(readFileSync(join(golden, name), 'utf8')) as Recording,
]);

async function bucketOf({ objects }: Recording, clock: ManualClock): Promise<MemoryObjects> {
  const memory = new MemoryObjects(clock);
  for (const [name, { base64 }] of Object.entries(objects)) {
    await memory.connect().put(name, Buffer.from(base64, 'base64'));
  }
  return memory;
}

for (const [name, recording] of recordings) {
  describe(`an upgrade from what ${name} left, queues full`, () => {
    it('ends as if the version that wrote it had gone on', async () => {
      assert.deepEqual(await goOn(recording), recording.end);
    });

    it('knows its keys, its pause and its files, and can replay its dead letters', async () => {
      const clock = new ManualClock();
      const memory = await bucketOf(recording, clock);
      const objects = memory.connect();
      const logger = memoryLogger();
      const keys = new KeyStore({ objects, clock, logger, firstKeys: () => '[]' });
      assert.deepEqual(
        (await keys.list()).stored.map(({ id, role, uids, hotkeys }) => ({ id, role, uids, hotkeys })),
        [{ id: 'k', role: 'miner', uids: [1], hotkeys: ['5F'] }],
      );
      assert.equal(await pauseEndMs(objects), pausedUntilMs);
      const file = untagged(recording.documents[`files/${aFileId}`]) as Fields;
      assert.equal(recordFrom(aFileId, file)?.fileName, 'f.txt');
      const tasks = new MemoryTasks(clock);
      const queues = { flush: tasks.connect('flush'), expire: tasks.connect('expire') };
      const shared = { objects, clock, ids: countingIds(), logger };
      const options = {
        ...shared,
        outbox: new Outbox({ ...shared, queues }),
        stamps: new StampSource(clock, 'instance'),
        ...{ tickMs: 5_000, responseInlineMaxBytes: 65_536 },
      };
      for (const { id, reason } of await listLetters(options, 10)) {
        // A task without an id is none in any version.
        if (reason === 'unreadable') await assert.rejects(replayLetter(options, id));
        else await replayLetter(options, id);
      }
      assert.equal(tasks.put.length, 2);
    });
  });
}

it('every form that this code writes has a recording: else make one, with another number (record.ts)', async () => {
  const known = new Set(recordings.flatMap(([, recording]) => [...formsIn(recording)]));
  const written = formsIn(await record(later));
  const recorded = [...written].flatMap((form) => /^event (\w+)/.exec(form)?.[1] ?? []);
  assert.deepEqual(
    Object.keys(samples).filter((kind) => !recorded.includes(kind)),
    [],
    'recording.ts writes no event of such a kind',
  );
  assert.deepEqual(
    [...written].filter((form) => !known.has(form)),
    [],
  );
});
