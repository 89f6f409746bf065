import type { Firestore } from '@google-cloud/firestore';
import type { StackUsage } from '../../local/bill/usage.ts';
import { noUsage } from './usage.ts';
import type { WorkloadEvent } from './workload.ts';

/** Reads of the task that the plain way makes before each response. */
const readsPerResponse = 2;

/** The plain way's bill by its rules: a write per task, status and response, two reads before each response. */
export function plainUsage(counts: { tasks: number; statuses: number; responses: number }): StackUsage {
  const { tasks, statuses, responses } = counts;
  return {
    ...noUsage,
    firestore: { writes: tasks + statuses + responses, reads: readsPerResponse * responses, deletes: 0 },
  };
}

/** Writes events the plain way, in their order, through the official client. */
export async function writePlainly(database: Firestore, events: readonly WorkloadEvent[]): Promise<void> {
  const byTask = new Map<string, WorkloadEvent[]>();
  for (const event of events) {
    const list = byTask.get(event.taskId) ?? [];
    byTask.set(event.taskId, list);
    list.push(event);
  }
  const queue = [...byTask.values()].values();
  await Promise.all(
    Array.from({ length: 32 }, async () => {
      for (const list of queue) for (const event of list) await writeOne(database, event);
    }),
  );
}

async function writeOne(database: Firestore, { kind, taskId, body }: WorkloadEvent): Promise<void> {
  const task = database.doc(`plain_tasks/${taskId}`);
  if (kind === 'task') await task.set({ ...body, status: 'pending', miner_responses: {} });
  else if (kind === 'status') await task.update(body);
  else {
    for (let read = 0; read < readsPerResponse; read += 1) await task.get();
    await task.update(`miner_responses.${body['miner_uid']}`, body);
  }
}
