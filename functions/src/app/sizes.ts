import type { MemoryOption } from 'firebase-functions/v2';
import { maxFileRequests } from '../files/limits.ts';

/** Bounds of a function's instances: what one has, how many requests it serves at once, and how many there are. */
export interface Size {
  /** vCPUs of an instance. */
  cpu: number;
  memory: MemoryOption;
  concurrency: number;
  maxInstances: number;
}

/** Functions that are deployed, by their names. */
export type FunctionName =
  | 'ingest'
  | 'api'
  | 'polls'
  | 'files'
  | 'filed'
  | 'flush'
  | 'expire'
  | 'sweep'
  | 'cleanup';

type Sizes = Readonly<Record<FunctionName, Size>>;

/** One instance, so that what arrives together is written together. */
const flush: Size = { cpu: 1, memory: '1GiB', concurrency: 500, maxInstances: 1 };

/** Few instances, as each asks Firestore for itself what changed; open nearly all the time, so at a small share. */
const polls: Size = { cpu: 0.167, memory: '512MiB', concurrency: 1, maxInstances: 2 };

/**
 * Functions that nobody waits for. Most of their time is their start, which costs the same at any share: `sweep` has a
 * larger one, as it may have thousands of carriers to put back in one run.
 */
const background = {
  filed: { cpu: 0.25, memory: '512MiB', concurrency: 1, maxInstances: 2 },
  expire: { cpu: 0.25, memory: '512MiB', concurrency: 1, maxInstances: 1 },
  sweep: { cpu: 0.5, memory: '512MiB', concurrency: 1, maxInstances: 1 },
  cleanup: { cpu: 0.25, memory: '512MiB', concurrency: 1, maxInstances: 1 },
} as const;

/**
 * Sizes by profile, as measured (docs/sizes.md). All vCPUs that a profile's functions can have together fit the 10 that
 * a new project has in a region: https://cloud.google.com/run/quotas
 */
export const profiles: Readonly<Record<string, Sizes>> = {
  default: {
    ingest: { cpu: 1, memory: '1GiB', concurrency: 300, maxInstances: 3 },
    api: { cpu: 1, memory: '512MiB', concurrency: 250, maxInstances: 2 },
    files: { cpu: 1, memory: '1GiB', concurrency: maxFileRequests, maxInstances: 2 },
    polls,
    flush,
    ...background,
  },
  small: {
    ingest: { cpu: 0.167, memory: '512MiB', concurrency: 1, maxInstances: 20 },
    api: { cpu: 0.25, memory: '512MiB', concurrency: 1, maxInstances: 10 },
    files: { cpu: 0.5, memory: '512MiB', concurrency: 1, maxInstances: 2 },
    polls,
    flush,
    ...background,
  },
};

/**
 * A function's size: its profile's, `PROFILE`, with what `INGEST_CPU`, `INGEST_MEMORY`, `INGEST_CONCURRENCY` and
 * `INGEST_MAX_INSTANCES` (likewise for the others) say instead. They are read from the environment, which the Firebase
 * CLI fills from the .env files both when it looks for functions and in these: its parameters cannot set a CPU.
 * @throws Error for a profile that there is not, and for what the platform refuses.
 */
export function sizeOf(name: FunctionName, env: NodeJS.ProcessEnv = process.env): Size {
  const profile = env['PROFILE'] || 'default';
  const size = Object.hasOwn(profiles, profile) ? profiles[profile]?.[name] : undefined;
  if (size === undefined) {
    throw new Error(`PROFILE is ${profile}: expected ${Object.keys(profiles).join(' or ')}.`);
  }
  const given = (what: string): string | undefined => env[`${name.toUpperCase()}_${what}`] || undefined;
  const cpu = Number(given('CPU') ?? size.cpu);
  const sized = {
    cpu,
    memory: (given('MEMORY') ?? size.memory) as MemoryOption,
    concurrency: Number(given('CONCURRENCY') ?? (cpu < 1 ? 1 : size.concurrency)),
    maxInstances: Number(given('MAX_INSTANCES') ?? size.maxInstances),
  };
  const fault = faultOf(sized);
  if (fault !== undefined) throw new Error(`The size of ${name}, ${JSON.stringify(sized)}: ${fault}.`);
  return sized;
}

/** Memory of an instance, in MiB. */
export function memoryMib({ memory }: Size): number {
  return memories[memory] ?? 0;
}

/** Memory that instances may have, in MiB. */
const memories: Readonly<Record<string, number>> = {
  '256MiB': 256,
  '512MiB': 512,
  '1GiB': 1024,
  '2GiB': 2048,
};

/** The platform's rules: https://cloud.google.com/run/docs/configuring/services/cpu */
function faultOf({ cpu, memory, concurrency, maxInstances }: Size): string | undefined {
  const mib = memories[memory];
  if (!(cpu >= 0.08 && cpu <= 1) && cpu !== 2) return 'expected a CPU from 0.08 to 1, or 2';
  if (mib === undefined) return `expected a memory of ${Object.keys(memories).join(', ')}`;
  if (!(Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= 1000))
    return 'expected a concurrency from 1 to 1000';
  if (!(Number.isInteger(maxInstances) && maxInstances >= 1))
    return 'expected at least 1 as its most instances';
  if (cpu < 1 && concurrency > 1) return 'less than 1 vCPU serves one request at a time';
  if (mib > 512 && cpu < 0.5) return 'more than 512MiB need 0.5 vCPU';
  if (mib > 1024 && cpu < 1) return 'more than 1GiB need 1 vCPU';
  return undefined;
}

/** Requests that this process serves at once, as its function's size says; undefined outside of a function. */
export function ownConcurrency(env: NodeJS.ProcessEnv = process.env): number | undefined {
  const name = env['FUNCTION_TARGET'];
  return name !== undefined && isFunctionName(name) ? sizeOf(name, env).concurrency : undefined;
}

function isFunctionName(name: string): name is FunctionName {
  return Object.hasOwn(profiles['default'] ?? {}, name);
}
