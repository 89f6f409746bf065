import { seeded } from './random.ts';
import { readWorkload, type WorkloadEvent } from './workload.ts';

interface LoadOptions {
  /** Begins the tasks' ids. */
  name: string;
  tasks: number;
  /** The mean of all tasks together; they begin independently of each other. */
  eventsPerSecond: number;
  /** A task's responses; 3: as the trace has them, a few of them late, twice or never. */
  responses: number;
  /** Bytes of a response's data; undefined: as the trace has them. */
  responseBytes?: number | undefined;
}

/** Responses that most of the trace's tasks have. */
const traceResponses = 3;

/** Tasks of the shared trace, each with its own relative times, that begin at another rate. */
export function loadOf({
  name,
  tasks,
  eventsPerSecond,
  responses,
  responseBytes,
}: LoadOptions): WorkloadEvent[] {
  const random = seeded(17);
  const models = [...Map.groupBy(readWorkload('trace'), ({ taskId }) => taskId).values()];
  const events: WorkloadEvent[] = [];
  const gapMs = ((2 + responses) / eventsPerSecond) * 1000;
  for (let index = 0, atMs = 0; index < tasks; index += 1) {
    const model = withResponses(models[index % models.length] ?? [], responses);
    const startMs = model[0]?.atMs ?? 0;
    const taskId = `${name}-${index}`;
    for (const event of model) {
      const body = event.kind === 'response' ? sized(event.body, responseBytes, random) : event.body;
      const named = 'task_id' in body ? { ...body, task_id: taskId } : body;
      events.push({ ...event, taskId, atMs: atMs + event.atMs - startMs, body: named });
    }
    atMs += Math.max(1, Math.round(-Math.log(1 - random()) * gapMs));
  }
  return events.toSorted((a, b) => a.atMs - b.atMs);
}

/** A task's events with so many responses, which come in the trace's times. */
function withResponses(events: readonly WorkloadEvent[], responses: number): WorkloadEvent[] {
  if (responses === traceResponses) return [...events];
  const own = events.filter(({ kind }) => kind === 'response');
  const others = events.filter(({ kind }) => kind !== 'response');
  const kept = Array.from({ length: own.length === 0 ? 0 : responses }, (_, index) => {
    const model = own[index % own.length] as WorkloadEvent;
    return { ...model, atMs: model.atMs + index, body: { ...model.body, miner_uid: index } };
  });
  const miners = Array.from({ length: responses }, (_, uid) => uid);
  const bodies = {
    task: { required_miner_count: responses },
    status: { assigned_miners: miners },
    response: {},
  };
  return [...others, ...kept].map((event) => ({ ...event, body: { ...event.body, ...bodies[event.kind] } }));
}

function sized(
  body: Record<string, unknown>,
  bytes: number | undefined,
  random: () => number,
): Record<string, unknown> {
  if (bytes === undefined) return body;
  let text = '';
  while (text.length < bytes) text += `${Math.floor(random() * 1e9).toString(36)} `;
  return { ...body, response_data: { text: text.slice(0, bytes) } };
}
