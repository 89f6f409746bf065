import type { protos } from '@google-cloud/tasks';
import {
  carrierFromWire,
  eventsIn,
  type UnpackedEvent,
  unfold,
} from '../../functions/src/events/carrierReader.ts';
import { parsedJson } from '../../functions/src/platform/json.ts';
import type { Cloud } from './cloud.ts';
import type { Cost } from './cost.ts';
import { getObject } from './objects.ts';

type QueuedTask = protos.google.cloud.tasks.v2.ITask;

/** Tasks of one list call; each may have 100 KB. */
const pageSize = 100;

/** Bytes that one billed operation of Cloud Tasks covers: https://cloud.google.com/tasks/pricing */
const bytesPerOperation = 32 * 1024;

/** The tasks of a queue with their contents, page by page. Needs the permission cloudtasks.tasks.fullView. */
export async function* queuedTasks(
  { tasks }: Pick<Cloud, 'tasks'>,
  cost: Cost,
  queue: string,
): AsyncGenerator<QueuedTask> {
  let pageToken = '';
  do {
    const request = { parent: queue, responseView: 'FULL' as const, pageSize, pageToken };
    const [page, , answer] = await tasks.listTasks(request, { autoPaginate: false });
    if (page.length === 0) cost.tasks_operations += 1;
    for (const task of page) {
      cost.tasks_operations += Math.max(1, Math.ceil(bodyOf(task).length / bytesPerOperation));
      yield task;
    }
    pageToken = answer.nextPageToken ?? '';
  } while (pageToken !== '');
}

/** The bytes that a task sends. */
export function bodyOf({ httpRequest }: QueuedTask): Buffer {
  const { body } = httpRequest ?? {};
  return typeof body === 'string' ? Buffer.from(body, 'base64') : Buffer.from(body ?? '');
}

/** The carrier in a task, which may be none. */
export function carrierIn(task: QueuedTask): unknown {
  return (parsedJson(bodyOf(task)) as { data?: unknown } | undefined)?.data;
}

/** The contents of a carrier: its lines, and the object that has them where it has not. */
interface Opened {
  lines: UnpackedEvent[];
  object: string | undefined;
}

/** Opens a carrier. Undefined, with the reason, where this version reads none in it. */
export async function openCarrier(
  cloud: Pick<Cloud, 'bucket'>,
  cost: Cost,
  data: unknown,
): Promise<Opened | { unreadable: string }> {
  try {
    const { events, object } = carrierFromWire(data);
    const packed =
      object === undefined ? Buffer.from(events ?? '', 'base64') : await getObject(cloud, cost, object);
    if (packed === undefined) return { unreadable: `Its object ${object} is gone.` };
    return { lines: packed.length === 0 ? [] : eventsIn(await unfold(packed)), object };
  } catch (error) {
    if (!(error instanceof Error && /CarrierVersion|CorruptCarrier/.test(error.name))) throw error;
    return { unreadable: error.message };
  }
}
