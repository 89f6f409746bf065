import { documentKinds, type WriteRules } from '../../functions/src/app/kinds.ts';
import { carrierBytes, carrierToWire } from '../../functions/src/events/carrier.ts';
import {
  carrierFromWire,
  eventsIn,
  type UnpackedEvent,
  unfold,
} from '../../functions/src/events/carrierReader.ts';
import { type Event, eventKey } from '../../functions/src/events/event.ts';
import { createFlush } from '../../functions/src/flush/createFlush.ts';
import type { Dispatch } from '../../functions/src/flush/delivery.ts';
import type { Kind } from '../../functions/src/flush/kind.ts';
import { type Clock, nextTickMs } from '../../functions/src/platform/clock.ts';
import type { Fields } from '../../functions/src/platform/documents.ts';
import type { JsonObject } from '../../functions/src/platform/json.ts';
import type { QuotaLimits } from '../../functions/src/quota/limits.ts';
import { OperationMeter } from '../../functions/src/quota/meter.ts';
import { noWork, plusWork, type Work } from '../../functions/src/quota/work.ts';
import { Outbox, packEvents } from '../../functions/src/staging/outbox.ts';
import { expireHandler } from '../../functions/src/tasks/expire.ts';
import { presentTask } from '../../functions/src/tasks/present.ts';
import { ManualClock } from './clock.ts';
import { MemoryDocuments } from './documents.ts';
import { allDone, type Decide } from './fate.ts';
import { countingIds } from './ids.ts';
import { type LogLine, memoryLogger } from './logger.ts';
import { MemoryObjects } from './objects.ts';
import { limitedDocuments, unlimitedDocuments } from './quota.ts';
import { MemoryTasks } from './tasks.ts';

export const tickMs = 5_000;

export const defaultRules: WriteRules = {
  minResponsesToFlush: 3,
  bufferTimeoutMs: 60_000,
  taskVisibleMs: 30_000,
  taskTimeoutMs: 3_600_000,
  operationsBufferSize: 100,
  operationsFlushMs: 30_000,
};

export interface PipelineOptions {
  rules?: Partial<WriteRules>;
  retentionMs?: number;
  /** Bytes of documents that are read before they are written; as in production where none are said. */
  maxReadBytes?: number;
  /** Every instance spends leases of a ledger with these limits; without them nothing is short. */
  limits?: QuotaLimits;
  /** ORPHANS_PER_KEY_PER_DAY. */
  orphansPerKey?: number;
  /** Chooses the kinds of documents of an instance, of Sluice's own and others; Sluice's own without it. */
  kinds?: (own: readonly Kind[]) => readonly Kind[];
}

/** One process that serves `flush` and `expire`. */
export interface Instance {
  flush: (dispatch: Dispatch) => Promise<void>;
  expire: (dispatch: Dispatch) => Promise<void>;
}

/** The simulated services and what makes instances of the flusher over them. */
export interface Pipeline {
  clock: ManualClock;
  documents: MemoryDocuments;
  objects: MemoryObjects;
  tasks: MemoryTasks;
  log: LogLine[];
  /** Says on which events our own code throws when it plans their document. */
  breaksOn: (event: Event) => boolean;
  /** Tasks that our own code throws on before anything is planned. */
  breaksEarly: (path: string) => boolean;
  /** Decides the fate of the calls of instances started without a decision of their own. */
  decide: Decide;
  /** The work that all instances counted. */
  work(): Work;
  /** Starts an instance; deliveries go to the one started last. */
  start(decide?: Decide, clock?: Clock): Instance;
  /** Puts events into a carrier that is due at the next tick, as ingest does. */
  accept(events: readonly Event[], dueMs?: number): Promise<void>;
  /** Moves on past the next tick, and until what came with it is answered. */
  tick(): Promise<void>;
  /** A task as a reader sees it, without when it was written; undefined where there is none. */
  task(taskId: string): JsonObject | undefined;
}

export function startPipeline({
  rules,
  retentionMs = 0,
  maxReadBytes,
  limits,
  orphansPerKey = 1_000,
  kinds = (own) => own,
}: PipelineOptions = {}): Pipeline {
  const clock = new ManualClock();
  const documents = new MemoryDocuments(clock);
  const objects = new MemoryObjects(clock);
  const tasks = new MemoryTasks(clock);
  const logger = memoryLogger();
  const allRules = { ...defaultRules, ...rules };
  const meters: OperationMeter[] = [];
  let work = noWork;

  const pipeline: Pipeline = {
    clock,
    documents,
    objects,
    tasks,
    log: logger.lines,
    breaksOn: () => false,
    breaksEarly: () => false,
    decide: allDone,
    work: () => {
      const reports = meters.flatMap((meter) => meter.drain('any'));
      work = reports.reduce((sum, report) => plusWork(sum, report.work), work);
      return work;
    },
    start: (decide = (operation) => pipeline.decide(operation), ownClock = clock) => {
      const instanceName = `i${meters.length + 1}`;
      const ids = countingIds(instanceName);
      const store = objects.connect(decide);
      const queues = { flush: tasks.connect('flush', decide), expire: tasks.connect('expire', decide) };
      const outbox = new Outbox({ queues, objects: store, clock: ownClock, ids, logger });
      const shared = { objects: store, clock: ownClock, logger };
      const meter = new OperationMeter();
      meters.push(meter);
      const connected = documents.connect(decide);
      const database =
        limits === undefined
          ? unlimitedDocuments(async () => connected, meter)
          : limitedDocuments(connected, { limits, meter, clock: ownClock, ids, logger, tickMs });
      const parts = { ...shared, outbox };
      const instance: Instance = {
        flush: createFlush({
          ...parts,
          kinds: kinds(
            documentKinds({ ...parts, ids, rules: allRules, retentionMs, orphansPerKey }).map((kind) =>
              breaking(kind, pipeline),
            ),
          ),
          documents: database,
          instance: instanceName,
          tickMs,
          meter,
          maxReadBytes,
        }),
        expire: expireHandler({ outbox, clock: ownClock, tickMs, endPause: async () => undefined }),
      };
      tasks.deliver = ({ queue }, dispatch) => instance[queue](dispatch);
      return instance;
    },
    accept: async (events, dueMs = nextTickMs(clock.now(), tickMs)) => {
      const outbox = new Outbox({
        queues: { flush: tasks.connect('flush'), expire: tasks.connect('expire') },
        objects: objects.connect(),
        clock,
        ids: countingIds(`ingest-${tasks.put.length}`),
        logger,
      });
      await outbox.sendContents('flush', await packed(events), dueMs);
    },
    tick: () => clock.advance(nextTickMs(clock.now(), tickMs) - clock.now() + 1_000),
    task: (taskId) => presented(taskId, documents.fields(`tasks/${taskId}`)),
  };
  pipeline.start();
  return pipeline;
}

/** The kind with our own code broken where a test says. */
function breaking(kind: Kind, breaks: Pipeline): Kind {
  return {
    ...kind,
    hasEnough: (group, lastKnown) => {
      if (breaks.breaksEarly(group.path)) throw new TypeError('nobody foresaw this');
      return kind.hasEnough(group, lastKnown);
    },
    plan: (path, snapshot, events) => {
      if (events.some(breaks.breaksOn)) throw new TypeError('nobody foresaw this');
      return kind.plan(path, snapshot, events);
    },
  };
}

function presented(taskId: string, fields: Fields | undefined): JsonObject | undefined {
  if (fields === undefined) return undefined;
  const { written_at: _, ...task } = presentTask(taskId, fields);
  return task;
}

function packed(events: readonly Event[]) {
  const oldest = events.map(({ stamp }) => stamp).toSorted()[0];
  return packEvents(events, oldest);
}

/** The events inside a carrier as Cloud Tasks holds it. */
export async function contentsOf(
  data: Record<string, unknown>,
  objects: MemoryObjects,
): Promise<UnpackedEvent[]> {
  const { events, object } = carrierFromWire(data);
  const packedEvents =
    object === undefined ? Buffer.from(events ?? '', 'base64') : objects.objects.get(object)?.bytes;
  if (packedEvents === undefined || packedEvents.length === 0) return [];
  return eventsIn(await unfold(packedEvents));
}

/** The keys of the events inside a carrier. */
export async function keysIn(data: Record<string, unknown>, objects: MemoryObjects): Promise<string[]> {
  return (await contentsOf(data, objects)).map((unpacked) =>
    'event' in unpacked
      ? eventKey(unpacked.event)
      : 'unknown' in unpacked
        ? unpacked.unknown
        : unpacked.invalid,
  );
}

/** Bytes of a carrier as sent. */
export function sentBytes(data: Record<string, unknown>): number {
  return carrierBytes(carrierFromWire(data));
}

/** A carrier that asks for a flush of all that was accepted before a stamp. */
export function flushRequest(flushBefore: string, dueMs: number): Record<string, unknown> {
  return carrierToWire({ schema: 1, dueMs, count: 0, flushBefore });
}
