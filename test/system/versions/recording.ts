import { carrierOf, carrierToWire } from '../../../functions/src/events/carrier.ts';
import type { Event } from '../../../functions/src/events/event.ts';
import { fieldsOf, newRecord } from '../../../functions/src/files/record.ts';
import { KeyStore } from '../../../functions/src/keys/keyStore.ts';
import { pauseUntil } from '../../../functions/src/operator/pause.ts';
import type { Fields } from '../../../functions/src/platform/documents.ts';
import type { QueueControl } from '../../../functions/src/platform/queueControl.ts';
import { Outbox, packEvents } from '../../../functions/src/staging/outbox.ts';
import { sweepSpool } from '../../../functions/src/staging/spool.ts';
import { plenty } from '../../quota/scene.ts';
import { startMs } from '../../support/clock.ts';
import { created, patched, response } from '../../support/events.ts';
import { memoryLogger } from '../../support/logger.ts';
import { operation } from '../../support/operations.ts';
import { type Pipeline, startPipeline } from '../../support/pipeline.ts';
import { tagged, untagged } from './tagged.ts';

/** All that one version left in the cloud while much was going on, and what it made of that in the end. */
export interface Recording {
  at_ms: number;
  tasks: { queue: 'flush' | 'expire'; due_ms: number; data: Record<string, unknown> }[];
  objects: Record<string, { base64: string; custom_time_ms?: number }>;
  documents: Record<string, unknown>;
  /** The readers' view in the end. */
  end: unknown;
}

const hourMs = 3_600_000;
const prompt = { visibility: 'prompt' } as const;
const body = { object: 'bodies/responses/00000000-0000-4000-8000-000000000001', bytes: 14 };
export const aFileId = '00000000-0000-4000-8000-000000000003';
export const pausedUntilMs = startMs + 2 * hourMs;

function start(): Pipeline {
  const pipeline = startPipeline({ limits: plenty });
  pipeline.documents.refuse = (path) => (path === 'things/bad' ? 'a bad value' : undefined);
  return pipeline;
}

/** Lets this code do some of everything, and records what is in the cloud before and after; `more` happens besides. */
export async function record(more: (nowMs: number) => Event[] = () => []): Promise<Recording> {
  const pipeline = start();
  await written(pipeline, more);
  await waiting(pipeline, more);
  await besides(pipeline);
  const recording = taken(pipeline);
  return { ...recording, end: await endOf(pipeline) };
}

/** The state of the cloud in the end, where this code goes on from a recording. */
export async function goOn({ at_ms, tasks, objects, documents }: Recording): Promise<unknown> {
  const pipeline = start();
  await pipeline.clock.advance(at_ms - startMs);
  for (const { queue, data, due_ms } of tasks) await pipeline.tasks.connect(queue).put(data, due_ms);
  for (const [name, { base64, custom_time_ms: customTimeMs }] of Object.entries(objects)) {
    const options = customTimeMs === undefined ? {} : { customTimeMs };
    await pipeline.objects.connect().put(name, Buffer.from(base64, 'base64'), options);
  }
  for (const [path, fields] of Object.entries(documents))
    pipeline.documents.set(path, untagged(fields) as Fields);
  return endOf(pipeline);
}

/** Documents as they are after a while. */
async function written(pipeline: Pipeline, more: (nowMs: number) => Event[]): Promise<void> {
  const { documents } = pipeline;
  documents.set('tasks/adopted', {
    status: 'in_progress',
    created_at: new Date(startMs - hourMs / 2),
    required_miner_count: 2,
    priority: 'low',
    miner_responses: [{ miner_uid: 3, response_data: 'of before', received_at: new Date(startMs - 1_000) }],
  });
  documents.set('things/adopted', { a: { b: 1, c: 2 } });
  await pipeline.accept([
    created(
      'open',
      startMs,
      { task_type: 'tts', required_miner_count: 4, metadata: { grid: [[1], [2]] } },
      prompt,
    ),
    created('done', startMs, { task_type: 'tts', required_miner_count: 1 }, prompt),
    response('done', startMs + 1, 1),
    response('open', startMs + 2, 1),
    patched('open', startMs + 3, { status: 'assigned', assigned_miners: [1, 2, 3, 4] }, prompt),
    operation('things/kept', startMs, 'set', { at: { $timestamp: '2026-01-01T00:00:00Z' }, a: { b: 1 } }),
    operation('things/kept', startMs + 4, 'update', { 'a.b': 2, bytes: { $bytes: 'AAEC' } }, prompt),
    operation('things/gone', startMs + 5, 'set', { a: 1 }, prompt),
    ...more(startMs + 6),
  ]);
  await pipeline.tick();
  await pipeline.accept([operation('things/gone', startMs + 6, 'delete', undefined, prompt)]);
  await pipeline.tick();
  // What can never be applied.
  await pipeline.accept([
    operation('things/bad', startMs + 7, 'set', { a: 1 }, prompt),
    response('old', startMs - 46 * 24 * hourMs, 1),
    { ...response('open', startMs, 7), taskId: '' },
  ]);
  await pipeline.tick();
}

/** Queues that are full. */
async function waiting(pipeline: Pipeline, more: (nowMs: number) => Event[]): Promise<void> {
  const { clock, objects } = pipeline;
  const nowMs = clock.now();
  await objects.connect().put(body.object, Buffer.from('{"long":"one"}'), { customTimeMs: nowMs });
  const isNew = { isNew: true } as const;
  await pipeline.accept([
    created('later', nowMs, { task_type: 'stt' }),
    created('deferred', nowMs, { task_type: 'stt' }, { visibility: 'deferred' }),
    patched('adopted', nowMs, { priority: 'high' }),
    response('open', nowMs + 1, 2, { body, hotkey: '5F', accuracy_score: 0.9 }),
    response('adopted', nowMs + 2, 4),
    // Of before the deletion, and yet it comes after it.
    operation('things/gone', startMs, 'update', { b: 1 }),
    operation('things/adopted', nowMs + 3, 'update', { 'a.c': { $delete: true } }),
    { ...operation('things/made', nowMs + 4, 'set', { a: 1 }), ...isNew },
    ...more(nowMs),
  ]);
  const large = response('large', nowMs + 5, 1);
  const object = 'bodies/carriers/00000000-0000-4000-8000-000000000004';
  const { packed, ...header } = await packEvents([large], large.stamp);
  await objects.connect().put(object, packed, { customTimeMs: nowMs });
  const pointing = carrierToWire(carrierOf({ ...header, dueMs: nowMs, object }));
  await pipeline.tasks.connect('flush').put(pointing, nowMs);
  await pipeline.tasks
    .connect('flush')
    .put(
      { schema: 1, due_ms: nowMs + hourMs, count: 0, flush_before: 'zzzzzzzzz'.padEnd(21, 'z') },
      nowMs + hourMs,
    );
}

/** Writes the forms that are not the flush's: the spool, keys, a pause, a file. */
async function besides(pipeline: Pipeline): Promise<void> {
  const { clock, documents } = pipeline;
  const objects = pipeline.objects.connect();
  const logger = memoryLogger();
  const ids = { uuid: () => '00000000-0000-4000-8000-000000000002', instance: () => 'recorder' };
  const refusing = { put: () => Promise.reject(new Error('Cloud Tasks is down.')) };
  const spooling = new Outbox({ queues: { flush: refusing, expire: refusing }, objects, clock, ids, logger });
  const spooled = response('spooled', clock.now(), 1);
  await spooling.sendContents('flush', await packEvents([spooled], spooled.stamp), clock.now());
  const keys = new KeyStore({ objects, clock, logger, firstKeys: () => '[]' });
  const sha256 = 'd8a2bf5f6a6e5ea3a0b1c2d3e4f5061728394a5b6c7d8e9fa0b1c2d3e4f50617';
  const created_at = new Date(startMs).toISOString();
  await keys.add({ id: 'k', role: 'miner', sha256, uids: [1], hotkeys: ['5F'], label: 'one', created_at });
  const queueControl = {
    pause: async () => undefined,
    resume: async () => undefined,
  } as unknown as QueueControl;
  const queues = { flush: refusing, expire: pipeline.tasks.connect('expire') };
  const outbox = new Outbox({ queues, objects, clock, ids, logger });
  await pauseUntil({ objects, queueControl, clock, logger, outbox }, pausedUntilMs);
  const claim = { fileId: aFileId, fileName: 'f.txt', contentType: 'text/plain', fileType: 'document' };
  const file = { ...claim, size: 3, sha256: 'a'.repeat(64), madeBy: 'k' };
  const fields = fieldsOf(newRecord(file, { location: 'firestore', status: 'stored', createdMs: startMs }));
  documents.set(`files/${aFileId}`, { ...fields, content: Buffer.from('abc') });
}

function taken({ clock, tasks, objects, documents }: Pipeline): Omit<Recording, 'end'> {
  return {
    at_ms: clock.now(),
    tasks: [...tasks.queued.values()].map(({ queue, data, dueMs }) => ({ queue, due_ms: dueMs, data })),
    objects: Object.fromEntries(
      [...objects.objects].map(([name, { bytes, customTimeMs }]) => [
        name,
        {
          base64: bytes.toString('base64'),
          ...(customTimeMs === undefined ? {} : { custom_time_ms: customTimeMs }),
        },
      ]),
    ),
    documents: Object.fromEntries(documents.paths().map((path) => [path, tagged(documents.fields(path))])),
  };
}

/** Lets all that waits come to its end, and shows what readers see then. */
async function endOf(pipeline: Pipeline): Promise<unknown> {
  const { clock, tasks, documents } = pipeline;
  const queues = { flush: tasks.connect('flush'), expire: tasks.connect('expire') };
  const swept = { objects: pipeline.objects.connect(), queues, logger: memoryLogger(), clock };
  await sweepSpool(swept);
  await clock.advance(3 * hourMs);
  const shown = (path: string): unknown => {
    const { _sluice, written_at, ...fields } = documents.fields(path) ?? {};
    return tagged(fields);
  };
  const paths = (prefix: string) => documents.paths().filter((path) => path.startsWith(prefix));
  return JSON.parse(
    JSON.stringify({
      queued: tasks.queued.size,
      tasks: paths('tasks/').map((path) => pipeline.task(path.slice('tasks/'.length))),
      things: paths('things/').map((path) => [path, shown(path)]),
      tombstones: paths('tombstones/'),
      letters: pipeline.objects
        .json('dead-letters/')
        .map(({ reason, event, raw }) => ({ reason, event, raw })),
      bodies: pipeline.objects.names('bodies/responses/'),
      spooled: pipeline.objects.names('spool/'),
    }),
  );
}
