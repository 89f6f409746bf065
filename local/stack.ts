import { join } from 'node:path';
import { ClockControl } from './control/advance.ts';
import { answerControl, type StackControl } from './control/index.ts';
import { addSnapshot, latestSnapshot, type Snapshot } from './data.ts';
import { indexesOf, startFirestore } from './firestore/index.ts';
import { type CpuLimiter, cpuLimiter } from './functions/cpu.ts';
import { discoverFunctions, firebaseConfig } from './functions/discovery.ts';
import { readEnvFiles } from './functions/env-files.ts';
import { type LocalFunctions, startFunctions } from './functions/index.ts';
import {
  type FunctionSpec,
  type ParamValues,
  resolveFunctions,
  resolveParams,
} from './functions/manifest.ts';
import { StorageEvents } from './functions/storageEvents.ts';
import { idPrefixOf } from './hosting/config.ts';
import { startHosting } from './hosting/index.ts';
import { apiKeysSecret, localKeys } from './keys.ts';
import { type PortChoice, portsFor, type ServicePorts } from './ports.ts';
import { LocalScheduler } from './scheduler/index.ts';
import { type LocalClock, type LocalTimer, OffsetClock } from './shared/clock.ts';
import { Faults } from './shared/faults.ts';
import type { Latencies } from './shared/latencies.ts';
import { createLog, type Log } from './shared/log.ts';
import { SnapshotError } from './shared/snapshot.ts';
import { type StorageEvent, startStorage } from './storage/index.ts';
import { type QueueConfig, startTasks } from './tasks/index.ts';

const root = join(import.meta.dirname, '..');

export interface StackOptions {
  /** Added to every port; ignored with free ports. */
  portOffset?: number;
  /** `free` takes whatever ports are free, for tests; `fixed` (default) the documented ones. */
  ports?: PortChoice;
  projectId?: string;
  region?: string;
  /** A built code base; by default this repository's functions. */
  functionsDir?: string;
  /** The firebase.json whose Hosting part is served. */
  firebaseJson?: string;
  /** Values of parameters, and further variables the functions are to see. */
  env?: ParamValues;
  /** Values of secrets, seen only by functions that declare them. */
  secrets?: ParamValues;
  /** A directory whose snapshot is read at the start and written at the close; it is made if it is missing. */
  data?: string;
  /** Keeps each instance to its function’s share of the CPU, where the system can; off by default, for quick tests. */
  limitCpu?: boolean;
  /** The time that calls of the services take; by default none, for quick tests. */
  latencies?: Latencies;
  /**
   * The clock moves only by {@link StackControl.advance}. Calls take the time that `latencies` say, and instances are
   * billed for the CPU time they used instead of for the machine's time: how busy the machine is makes no difference.
   */
  standStill?: boolean;
  quiet?: boolean;
  /** Takes the log's entries instead of standard output. */
  log?: Log;
}

export interface LocalStack extends StackControl {
  readonly ports: ServicePorts;
  /** Base addresses, without a slash at the end. */
  readonly urls: { hosting: string; functions: string };
  /** The local API keys by role. */
  readonly keys: Record<string, string>;
  /** Environment by which the Google client libraries of another process reach the stack. */
  readonly clientEnv: Record<string, string>;
  /** The functions as discovered, parameters put in. */
  readonly functions: FunctionSpec[];
  /** Ends every instance, writes the snapshot and closes every port. Rejects when the snapshot cannot be written. */
  close(): Promise<void>;
}

/**
 * Starts the whole local stack in this process, with instances of the functions as child processes. Rejects with
 * `PortInUse`, or when the functions cannot be discovered or the snapshot not be read, and leaves nothing behind then.
 */
export async function startStack(options: StackOptions = {}): Promise<LocalStack> {
  const {
    projectId = 'demo-sluice',
    region = 'us-central1',
    functionsDir = join(root, 'functions'),
    firebaseJson = join(root, 'firebase.json'),
  } = options;
  const storageBucket = `${projectId}.firebasestorage.app`;
  const snapshot = options.data === undefined ? undefined : await latestSnapshot(options.data);
  const clock = new OffsetClock(snapshot?.clockOffsetMs, options.standStill ? Date.now() : undefined);
  const faults = new Faults(clock, Math.random, options.latencies);
  const log = options.log ?? (options.quiet ? () => {} : createLog(() => clock.now(), process.stdout));
  const ports = await portsFor(options.ports ?? 'fixed', options.portOffset ?? 0);
  const closers: (() => Promise<void> | void)[] = [() => faults.clear()];
  const opened = <T extends { close(): Promise<void> | void }>(service: T): T => {
    closers.push(() => service.close());
    return service;
  };
  const close = async (): Promise<void> => {
    const failures: unknown[] = [];
    for (const closeNext of closers.splice(0).reverse()) {
      try {
        await closeNext();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  };

  try {
    const files = readEnvFiles(functionsDir, projectId);
    const env = { ...files.env, ...options.env };
    const manifest = await discoverFunctions({ functionsDir, projectId, storageBucket, env });
    const params = resolveParams(manifest, env);
    const specs = resolveFunctions(manifest, params, region, idPrefixOf(firebaseJson, functionsDir));
    const secrets: ParamValues = { API_KEYS: apiKeysSecret(localKeys), ...files.secrets, ...options.secrets };
    const secretVersions = new Set(specs.flatMap((spec) => spec.secrets)).size;
    const secretsByFunction = new Map(specs.map((spec) => [spec.name, secretsOf(spec, secrets)]));

    const service = { clock, faults };
    const indexes = indexesOf(firebaseJson);
    const firestore = opened(await startFirestore({ ...service, port: ports.firestore, projectId, indexes }));
    let publish: (event: StorageEvent) => void = () => {};
    const storage = opened(
      await startStorage({
        ...service,
        port: ports.storage,
        buckets: [storageBucket],
        onEvent: (event) => publish(event),
      }),
    );
    closers.push(everyDay(clock, () => storage.runLifecycle()));
    const queues = queuesOf(specs, `projects/${projectId}/locations/${region}/queues`);
    const tasks = opened(await startTasks({ ...service, port: ports.tasks, queues }));
    const tasksPorts = new Map<string, number>();
    for (const { id } of specs) tasksPorts.set(id, await tasks.callerPort(id));
    await readState(snapshot, async ({ directory }) => {
      await firestore.importState(directory);
      await storage.importState(directory);
    });
    let isStarted = false;
    closers.push(async () => {
      if (options.data === undefined || !isStarted) return;
      const about = { clockOffsetMs: clock.offsetMs(), functionsUrl: functionsUrl(functions.port) };
      await addSnapshot(options.data, about, async (directory) => {
        for (const service of [firestore, storage, tasks, events]) await service.exportState(directory);
      });
    });
    const clientEnv = {
      GCLOUD_PROJECT: projectId,
      GOOGLE_CLOUD_PROJECT: projectId,
      FIRESTORE_EMULATOR_HOST: `127.0.0.1:${firestore.port}`,
      STORAGE_EMULATOR_HOST: `http://127.0.0.1:${storage.port}`,
      FIREBASE_STORAGE_EMULATOR_HOST: `127.0.0.1:${storage.port}`,
      GOOGLE_APPLICATION_CREDENTIALS: await storage.keyFile(projectId),
      SLUICE_TASKS_HOST: `127.0.0.1:${tasks.port}`,
      METADATA_SERVER_DETECTION: 'none',
    };
    const functionsUrl = (port: number): string => `http://127.0.0.1:${port}/${projectId}/${region}`;
    const functions: LocalFunctions = opened(
      await startFunctions({
        port: ports.functions,
        clock,
        faults,
        projectId,
        region,
        functionsDir,
        functions: specs,
        log,
        limitCpu: options.limitCpu === true ? cpuLimiterOrNote(log) : undefined,
        env: (spec) => ({
          ...instanceEnv(spec),
          ...clientEnv,
          SLUICE_TASKS_HOST: `127.0.0.1:${tasksPorts.get(spec.id)}`,
          ...env,
          ...params,
          ...secretsByFunction.get(spec.name),
          FIREBASE_CONFIG: firebaseConfig(projectId, storageBucket),
          SLUICE_FUNCTIONS_URL: functionsUrl(functions.port),
        }),
      }),
    );
    const url = functionsUrl(functions.port);
    functions.warm();
    // Tasks that are cut off stay; those whose function is gone would use up an attempt.
    closers.push(() => tasks.stopDispatching());
    const jobs = jobsOf(specs, url);
    const scheduler = opened(new LocalScheduler({ clock, log, jobs }));
    const events = new StorageEvents({ clock, log, subscribers: subscribersOf(specs, url) });
    closers.push(() => events.close());
    publish = (event) => events.publish(event);
    const clockControl = new ClockControl({
      clock,
      functions,
      externalWork: () => ({
        dispatches: tasks.dispatchesInFlight() + scheduler.inFlight() + events.inFlight(),
        calls: firestore.inFlight() + storage.inFlight() + tasks.inFlight(),
      }),
      heldCalls: () => faults.held,
      fingerprint: () => JSON.stringify([firestore.usage(), storage.usage(), tasks.usage()]),
    });
    const control: StackControl = {
      usage: () => ({
        firestore: firestore.usage(),
        tasks: tasks.usage(),
        storage: storage.usage(),
        functions: functions.usage(),
        hosting: hosting.usage(),
        scheduler: { jobs: jobs.length },
        secrets: { versions: secretVersions },
      }),
      resetUsage: () => {
        for (const each of [firestore, tasks, storage, functions, hosting]) each.resetUsage();
      },
      addFault: (fault) => faults.add(fault),
      clearFaults: () => faults.clear(),
      faultHits: () => faults.hits,
      advance: (ms) => clockControl.advance(ms),
      clientsInFlight: () => hosting.inFlight(),
      now: () => clock.now(),
      instances: () => functions.instances(),
      killInstances: (name) => functions.kill(name),
      killDispatcher: () => tasks.stopDispatching(),
      restartDispatcher: () => tasks.startDispatching(),
      setDelivery: (delivery) => tasks.setDelivery(delivery),
      setEventsTwiceShare: (twiceShare) => events.setTwiceShare(twiceShare),
    };
    const hosting = opened(
      await startHosting({
        port: ports.hosting,
        clock,
        firebaseJson,
        functions,
        control: (request, response) => answerControl(control, request, response),
      }),
    );
    await readState(snapshot, async ({ directory, functionsUrl: from }) => {
      await tasks.importState(directory, { from, to: url });
      await events.importState(directory);
    });
    isStarted = true;
    return {
      ...control,
      ports: {
        hosting: hosting.port,
        functions: functions.port,
        firestore: firestore.port,
        tasks: tasks.port,
        storage: storage.port,
      },
      urls: { hosting: `http://127.0.0.1:${hosting.port}`, functions: url },
      keys: Object.fromEntries(localKeys.map(({ role, key }) => [role, key])),
      clientEnv: { ...clientEnv, SLUICE_FUNCTIONS_URL: url },
      functions: specs,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function readState(
  snapshot: Snapshot | undefined,
  read: (snapshot: Snapshot) => Promise<void>,
): Promise<void> {
  if (snapshot === undefined) return;
  try {
    await read(snapshot);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SnapshotError(snapshot.directory, reason, error);
  }
}

/** Lifecycle rules take effect about once a day: https://cloud.google.com/storage/docs/lifecycle#behavior */
const dayMs = 24 * 60 * 60_000;

/** Returns what ends it. */
function everyDay(clock: LocalClock, run: () => void): () => void {
  let timer: LocalTimer;
  const wait = (): void => {
    timer = clock.setTimeout(() => {
      run();
      wait();
    }, dayMs);
  };
  wait();
  return () => clock.clearTimeout(timer);
}

function cpuLimiterOrNote(log: Log): CpuLimiter | undefined {
  const limiter = cpuLimiter();
  if (limiter === undefined) {
    const message = 'This system lets no control groups be made: instances have the whole machine’s CPU.';
    log('functions', { severity: 'NOTICE', message });
  }
  return limiter;
}

/** Environment that Cloud Run and the functions' build set. Nothing of the user's own, credentials above all. */
function instanceEnv(spec: FunctionSpec): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/sluice/compiled'),
    TZ: 'UTC',
    FUNCTIONS_EMULATOR: 'true',
    K_SERVICE: spec.id.toLowerCase(),
    K_REVISION: `${spec.id.toLowerCase()}-00001-loc`,
  };
}

function secretsOf(spec: FunctionSpec, secrets: ParamValues): Record<string, string> {
  const seen: Record<string, string> = {};
  for (const name of spec.secrets) {
    const value = secrets[name];
    if (value === undefined) throw new Error(`The secret ${name} of ${spec.name} has no value.`);
    seen[name] = value;
  }
  return seen;
}

/** The CLI's own defaults for a task queue function (firebase-tools, `gcp/cloudtasks`). */
const cliRetryConfig = { maxAttempts: 3, minBackoffSeconds: 0.1, maxBackoffSeconds: 3600, maxDoublings: 16 };

function queuesOf(specs: FunctionSpec[], prefix: string): QueueConfig[] {
  return specs.flatMap(({ id, trigger }) =>
    trigger.kind === 'task_queue'
      ? [
          {
            name: `${prefix}/${id}`,
            rateLimits: trigger.rateLimits,
            retryConfig: { ...cliRetryConfig, ...trigger.retryConfig },
          },
        ]
      : [],
  );
}

function jobsOf(specs: FunctionSpec[], functionsUrl: string) {
  return specs.flatMap(({ name, id, trigger }) =>
    trigger.kind === 'schedule'
      ? [{ name, schedule: trigger.schedule, timeZone: trigger.timeZone, url: `${functionsUrl}/${id}` }]
      : [],
  );
}

function subscribersOf(specs: FunctionSpec[], functionsUrl: string) {
  return specs.flatMap(({ name, id, trigger }) =>
    trigger.kind === 'event'
      ? [{ name, eventType: trigger.eventType, retry: trigger.retry, url: `${functionsUrl}/${id}` }]
      : [],
  );
}
