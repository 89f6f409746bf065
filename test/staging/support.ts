import { createHash } from 'node:crypto';
import type { Event } from '../../functions/src/events/event.ts';
import { groupStager, type Stager } from '../../functions/src/staging/groupStager.ts';
import { Outbox } from '../../functions/src/staging/outbox.ts';
import { ManualClock, startMs } from '../support/clock.ts';
import { response } from '../support/events.ts';
import type { Fate } from '../support/fate.ts';
import { countingIds } from '../support/ids.ts';
import { memoryLogger } from '../support/logger.ts';
import { MemoryObjects } from '../support/objects.ts';
import { keysIn } from '../support/pipeline.ts';
import { MemoryTasks } from '../support/tasks.ts';

export interface Staging {
  clock: ManualClock;
  tasks: MemoryTasks;
  objects: MemoryObjects;
  outbox: Outbox;
  stager: Stager;
  /** The fate of calls: by default all succeed. */
  decide: (operation: string) => Fate;
  /** Calls so far, as `decide` saw them. */
  calls: string[];
  /** The events of each carrier in Cloud Tasks, in the order they were put. */
  carriers(): Promise<string[][]>;
}

/** A stager as ingest's, over simulated services. */
export function startStaging({ responseInlineMaxBytes = 65_536 } = {}): Staging {
  const clock = new ManualClock();
  const tasks = new MemoryTasks(clock);
  const objects = new MemoryObjects(clock);
  const ids = countingIds();
  const logger = memoryLogger();
  const decide = (operation: string): Fate => {
    staging.calls.push(operation);
    return staging.decide(operation);
  };
  const store = objects.connect(decide);
  const queues = { flush: tasks.connect('flush', decide), expire: tasks.connect('expire', decide) };
  const outbox = new Outbox({ queues, objects: store, clock, ids, logger });
  const staging: Staging = {
    clock,
    tasks,
    objects,
    outbox,
    stager: groupStager({
      objects: store,
      outbox,
      clock,
      ids,
      lingerMs: 20,
      lingerMaxMs: 20,
      tickMs: 5_000,
      responseInlineMaxBytes,
    }),
    decide: () => 'done',
    calls: [],
    carriers: () => Promise.all(tasks.put.map(({ data }) => keysIn(data, objects))),
  };
  return staging;
}

/** A response whose data cannot be compressed to less than about `bytes`. */
export function bulky(taskId: string, uid: number, bytes: number): Event {
  return response(taskId, startMs, uid, { response_data: noise(`${taskId} ${uid}`, bytes) });
}

/** Text that looks random and is always the same. */
function noise(seed: string, bytes: number): string {
  const blocks = Array.from({ length: Math.ceil(bytes / 64) }, (_, block) =>
    createHash('sha512').update(`${seed} ${block}`).digest(),
  );
  return Buffer.concat(blocks).subarray(0, bytes).toString('base64');
}
