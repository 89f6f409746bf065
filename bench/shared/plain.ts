import type { Firestore } from '@google-cloud/firestore';
import type { StackUsage } from '../../local/bill/usage.ts';
import { ActiveTime } from '../../local/functions/metering.ts';
import { requestLogBytes } from '../../local/functions/usage.ts';
import { typicalLatencies } from '../../local/shared/latencies.ts';
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

/** Ways without Sluice: a server that is paid for anyway, functions, and a BulkWriter, which reads nothing. */
export const plainWays = ['a server of its own', 'functions', 'BulkWriter'] as const;
export type PlainWay = (typeof plainWays)[number];

/** The function that does it: one instance, as deployed by default, whose own CPU time is not counted. */
export const plainInstance = { vcpu: 1, gib: 0.25 };
const requestCause = 'request';

/** The usage of sending events one of the plain ways, in their order. */
export function plainWayUsage(way: PlainWay, events: readonly WorkloadEvent[]): StackUsage {
  const countOf = (kind: WorkloadEvent['kind']): number =>
    events.filter((event) => event.kind === kind).length;
  const usage = plainUsage({
    tasks: countOf('task'),
    statuses: countOf('status'),
    responses: countOf('response'),
  });
  if (way === 'BulkWriter') usage.firestore.reads = 0;
  if (way !== 'functions') return usage;
  const active_s = secondsOpen(events);
  const functions = {
    ...noUsage.functions,
    requests: events.length,
    active_s,
    vcpu_s: active_s * plainInstance.vcpu,
    gib_s: active_s * plainInstance.gib,
    log_bytes: events.length * requestLogBytes,
  };
  return { ...usage, functions };
}

/** Billed seconds of one instance that serves each event as a request of its own, for as long as Firestore takes. */
function secondsOpen(events: readonly WorkloadEvent[]): number {
  const { Commit: writeMs = 0, '*': readMs = 0 } = typicalLatencies['firestore'] ?? {};
  let now = 0;
  const time = new ActiveTime(() => now);
  const changes = events.flatMap(({ atMs, kind }) => [
    { atMs, isEnd: false },
    { atMs: atMs + writeMs + (kind === 'response' ? readsPerResponse * readMs : 0), isEnd: true },
  ]);
  for (const { atMs, isEnd } of changes.toSorted((a, b) => a.atMs - b.atMs)) {
    now = atMs;
    if (isEnd) time.end(requestCause);
    else time.begin(requestCause);
  }
  return (time.billedMs().get(requestCause) ?? 0) / 1000;
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
