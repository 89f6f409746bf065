import { bodyOf, carrierIn, openCarrier, queuedTasks } from './carriers.ts';
import type { Cloud } from './cloud.ts';
import type { Cost } from './cost.ts';
import type { Item } from './item.ts';
import { deadLetters, listObjects, objectItems, spooled } from './objects.ts';

const dayMs = 86_400_000;

/** Tells which events are wanted, by their JSON of whatever version. */
type Wants = (event: unknown) => boolean;

/** All that is in no document: what is queued or spooled, dead letters, and bodies that no document keeps. */
export async function* waitingItems(cloud: Cloud, cost: Cost, nowMs: number): AsyncGenerator<Item> {
  for (const queue of Object.values(cloud.queues)) {
    for await (const task of queuedTasks(cloud, cost, queue)) {
      const { name, scheduleTime, createTime, dispatchCount, httpRequest } = task;
      const opened = await openCarrier(cloud, cost, carrierIn(task));
      yield {
        kind: 'carrier',
        source: `queue:${name}`,
        due: secondsOf(scheduleTime),
        created: secondsOf(createTime),
        dispatches: Number(dispatchCount ?? 0),
        url: httpRequest?.url,
        ...('unreadable' in opened
          ? { unreadable: opened.unreadable }
          : { events: opened.lines.length, object: opened.object }),
        base64: bodyOf(task).toString('base64'),
      };
    }
  }
  for await (const { name, bytes } of spooled(cloud, cost))
    yield { kind: 'spooled', source: name, base64: bytes.toString('base64') };
  for await (const { name, bytes } of deadLetters(cloud, cost))
    yield { kind: 'dead_letter', source: name, base64: bytes.toString('base64') };
  for await (const { name, metadata } of listObjects(cloud, cost, 'bodies/')) {
    // Of a body that a document refers to it is a day ahead at least (functions/src/tasks/bodies.ts).
    const untilMs = Date.parse(String(metadata.customTime ?? ''));
    const leastMs = Math.max(nowMs, Date.parse(metadata.timeCreated ?? '') + dayMs / 2);
    const isKept = untilMs > leastMs;
    if (!isKept) yield* objectItems(cloud, cost, name, 'body');
  }
}

/** Events that wait and dead letters, those that are wanted; and what cannot be opened, without its content. */
export async function* wantedItems(cloud: Cloud, cost: Cost, wants: Wants): AsyncGenerator<Item> {
  for (const queue of Object.values(cloud.queues)) {
    for await (const task of queuedTasks(cloud, cost, queue))
      yield* wantedIn(cloud, cost, `queue:${task.name}`, carrierIn(task), wants);
  }
  for await (const { name, value } of spooled(cloud, cost))
    yield* wantedIn(cloud, cost, name, (value as { data?: unknown } | undefined)?.data, wants);
  for await (const { name, bytes, value } of deadLetters(cloud, cost)) {
    const { event, raw, carrier } = Object(value) as Record<string, unknown>;
    if (carrier !== undefined) yield* wantedIn(cloud, cost, name, carrier, wants);
    else if (wants(event ?? parsed(raw)))
      yield { kind: 'dead_letter', source: name, base64: bytes.toString('base64') };
  }
}

async function* wantedIn(
  cloud: Cloud,
  cost: Cost,
  source: string,
  carrier: unknown,
  wants: Wants,
): AsyncGenerator<Item> {
  const opened = await openCarrier(cloud, cost, carrier);
  if ('unreadable' in opened) {
    yield { kind: 'unreadable', source, reason: opened.unreadable };
    return;
  }
  for (const line of opened.lines) {
    if ('event' in line) {
      if (wants(line.event)) yield* eventItems(cloud, cost, source, line.event);
      continue;
    }
    const text = 'unknown' in line ? line.unknown : line.invalid;
    if (wants(parsed(text)))
      yield { kind: 'event', source, reason: line.reason, base64: Buffer.from(text).toString('base64') };
  }
}

/** An event, and the body that it points to. */
async function* eventItems(cloud: Cloud, cost: Cost, source: string, event: object): AsyncGenerator<Item> {
  yield { kind: 'event', source, event };
  const { response, evaluation } = event as Record<string, { body?: { object: string } } | undefined>;
  const body = response?.body ?? evaluation?.body;
  if (body !== undefined) yield* objectItems(cloud, cost, body.object, 'body');
}

function parsed(text: unknown): unknown {
  try {
    return JSON.parse(String(text));
  } catch {
    return undefined;
  }
}

function secondsOf(time: { seconds?: unknown } | null | undefined): string | null {
  return time?.seconds === undefined || time.seconds === null
    ? null
    : new Date(Number(time.seconds) * 1000).toISOString();
}
