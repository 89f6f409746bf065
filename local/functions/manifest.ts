/**
 * The manifest that the Firebase CLI reads from a code base: the wire form of `firebase-functions`' discovery
 * (v1alpha1), as far as the local stack needs it, and its resolution to plain values. An option is a value, null (the
 * platform's default) or a parameter expression.
 */
type Option<T> = T | string | null | undefined;

export interface WireManifest {
  specVersion: string;
  params?: WireParam[];
  endpoints: Record<string, WireEndpoint>;
}

interface WireParam {
  name: string;
  type: string;
  default?: unknown;
}

interface WireEndpoint {
  entryPoint: string;
  region?: string[];
  concurrency?: Option<number>;
  cpu?: Option<number>;
  minInstances?: Option<number>;
  maxInstances?: Option<number>;
  availableMemoryMb?: Option<number>;
  timeoutSeconds?: Option<number>;
  secretEnvironmentVariables?: { key: string }[];
  httpsTrigger?: object;
  taskQueueTrigger?: {
    retryConfig?: Record<string, Option<number>>;
    rateLimits?: Record<string, Option<number>>;
  };
  eventTrigger?: { eventType?: string; retry: Option<boolean> };
  scheduleTrigger?: {
    schedule: string;
    timeZone?: string | null;
    retryConfig?: Record<string, Option<number>>;
  };
}

export type FunctionTrigger =
  | { kind: 'https' }
  | { kind: 'task_queue'; retryConfig: Record<string, number>; rateLimits: Record<string, number> }
  | { kind: 'event'; eventType: string; retry: boolean }
  | { kind: 'schedule'; schedule: string; timeZone: string | undefined };

/** One deployed function, everything resolved. */
export interface FunctionSpec {
  /** As the code base exports it. */
  name: string;
  /** As it is deployed. */
  id: string;
  entryPoint: string;
  /** Its instances’ share of the CPU, in vCPUs. */
  vcpu: number;
  concurrency: number;
  /** Kept even when they have nothing to do. */
  minInstances: number;
  maxInstances: number;
  /** An instance that uses more is killed. */
  memoryBytes: number;
  timeoutMs: number;
  /** Names of the secrets it declares; it sees no others. */
  secrets: string[];
  trigger: FunctionTrigger;
}

/** Defaults of 2nd generation functions: https://firebase.google.com/docs/functions/manage-functions */
const defaultTimeoutSeconds = 60;
const defaultMaxInstances = 100;
const defaultMemoryMiB = 256;

/** Less than one whole CPU serves one request at a time. */
const defaultConcurrency = (vcpu: number): number => (vcpu < 1 ? 1 : 80);

/** vCPUs of a first generation function by its memory in MiB (firebase-tools, `deploy/functions/backend`). */
const firstGenerationVcpu: Readonly<Record<number, number>> = {
  128: 0.0833,
  256: 0.1666,
  512: 0.3333,
  1024: 0.5833,
};

/** Up to 2 GiB of memory come with one vCPU. */
function defaultVcpu(memoryMiB: number): number {
  return memoryMiB <= 2048 ? 1 : Math.min(8, Math.max(2, memoryMiB / 4096));
}

export type ParamValues = Readonly<Record<string, string>>;

/** Values of all non-secret parameters: from `given`, else their defaults; throws for one that has neither. */
export function resolveParams(manifest: WireManifest, given: ParamValues): Record<string, string> {
  const values: Record<string, string> = {};
  for (const param of manifest.params ?? []) {
    if (param.type === 'secret') continue;
    const value = given[param.name] ?? defaultOf(param, { ...given, ...values });
    if (value === undefined) throw new Error(`The parameter ${param.name} has no default: give it a value.`);
    values[param.name] = value;
  }
  return values;
}

function defaultOf(param: WireParam, known: ParamValues): string | undefined {
  if (param.default === undefined || param.default === null) return undefined;
  if (typeof param.default === 'string') return substitute(param.default, known);
  return Array.isArray(param.default) ? JSON.stringify(param.default) : String(param.default);
}

/** Replaces `{{ params.NAME }}`; the CLI's other expressions (comparisons, choices) are refused by name. */
function substitute(text: string, params: ParamValues): string {
  return text.replace(/\{\{(.*?)\}\}/g, (expression, inner: string) => {
    const name = /^\s*params\.(\w+)\s*$/.exec(inner)?.[1];
    const value = name === undefined ? undefined : params[name];
    if (value === undefined) throw new Error(`The local stack cannot evaluate the expression ${expression}.`);
    return value;
  });
}

/** The functions of a code base with `params` put in, or an error that names the function and what is wrong. */
export function resolveFunctions(
  manifest: WireManifest,
  params: ParamValues,
  region: string,
  idPrefix = '',
): FunctionSpec[] {
  return Object.entries(manifest.endpoints).map(([name, endpoint]) => {
    const regions = endpoint.region ?? [region];
    if (!regions.some((each) => substitute(each, params) === region)) {
      throw new Error(`The function ${name} is not in region ${region} but in ${regions.join(', ')}.`);
    }
    const memoryMiB = numberOf(endpoint.availableMemoryMb, params) ?? defaultMemoryMiB;
    const vcpu = vcpuOf(endpoint.cpu, memoryMiB, params);
    return {
      name,
      id: idPrefix + name,
      entryPoint: endpoint.entryPoint,
      vcpu,
      concurrency: numberOf(endpoint.concurrency, params) ?? defaultConcurrency(vcpu),
      minInstances: numberOf(endpoint.minInstances, params) ?? 0,
      maxInstances: numberOf(endpoint.maxInstances, params) ?? defaultMaxInstances,
      memoryBytes: memoryMiB * 1024 * 1024,
      timeoutMs: (numberOf(endpoint.timeoutSeconds, params) ?? defaultTimeoutSeconds) * 1000,
      secrets: (endpoint.secretEnvironmentVariables ?? []).map((secret) => secret.key),
      trigger: triggerOf(name, endpoint, params),
    };
  });
}

function vcpuOf(cpu: WireEndpoint['cpu'], memoryMiB: number, params: ParamValues): number {
  if (cpu === 'gcf_gen1') return firstGenerationVcpu[memoryMiB] ?? defaultVcpu(memoryMiB);
  return numberOf(cpu, params) ?? defaultVcpu(memoryMiB);
}

function triggerOf(name: string, endpoint: WireEndpoint, params: ParamValues): FunctionTrigger {
  if (endpoint.httpsTrigger !== undefined) return { kind: 'https' };
  if (endpoint.taskQueueTrigger !== undefined) {
    const { retryConfig, rateLimits } = endpoint.taskQueueTrigger;
    return {
      kind: 'task_queue',
      retryConfig: numbersOf(retryConfig, params),
      rateLimits: numbersOf(rateLimits, params),
    };
  }
  if (endpoint.scheduleTrigger !== undefined) {
    const { schedule, timeZone } = endpoint.scheduleTrigger;
    return {
      kind: 'schedule',
      schedule: substitute(schedule, params),
      timeZone: timeZone == null ? undefined : substitute(timeZone, params),
    };
  }
  const { eventType, retry } = endpoint.eventTrigger ?? {};
  if (eventType?.startsWith('google.cloud.storage.object.v1.')) {
    return { kind: 'event', eventType, retry: retry === true };
  }
  throw new Error(`The function ${name} has a trigger that the local stack does not know.`);
}

function numbersOf(
  options: Record<string, Option<number>> | undefined,
  params: ParamValues,
): Record<string, number> {
  const values: Record<string, number> = {};
  for (const [key, option] of Object.entries(options ?? {})) {
    const value = numberOf(option, params);
    if (value !== undefined) values[key] = value;
  }
  return values;
}

function numberOf(option: Option<number>, params: ParamValues): number | undefined {
  if (option === undefined || option === null) return undefined;
  const value = typeof option === 'number' ? option : Number(substitute(option, params));
  if (Number.isNaN(value)) throw new Error(`${option} is not a number.`);
  return value;
}
