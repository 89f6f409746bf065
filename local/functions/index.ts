import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { LocalClock } from '../shared/clock.ts';
import type { Faults } from '../shared/faults.ts';
import { closeServer, listen } from '../shared/http.ts';
import type { Log } from '../shared/log.ts';
import type { LocalService } from '../shared/service.ts';
import { Causes } from './causes.ts';
import type { CpuLimiter } from './cpu.ts';
import { InstanceProcess } from './instance-process.ts';
import type { FunctionSpec } from './manifest.ts';
import { limitMemory } from './memory.ts';
import { FunctionPool, NoInstance } from './pool.ts';
import type { InstanceState } from './protocol.ts';
import { answerText, forward } from './proxy.ts';
import { FunctionMeter, type FunctionsUsage, sumsOf } from './usage.ts';

export type { FunctionsUsage } from './usage.ts';

interface FunctionsOptions {
  port: number;
  clock: LocalClock;
  faults: Faults;
  projectId: string;
  region: string;
  functionsDir: string;
  functions: FunctionSpec[];
  /** The whole environment of an instance, asked for at each start. */
  env(spec: FunctionSpec): Record<string, string>;
  log: Log;
  /** Keeps instances to the CPU that their functions declare. */
  limitCpu?: CpuLimiter | undefined;
}

/** A function's name that the code base does not have. */
export class UnknownFunction extends Error {
  constructor(name: string) {
    super(`There is no function ${name}.`);
  }
}

export interface InstanceInfo {
  function: string;
  pid: number | undefined;
  /** Serves the function itself, without the router before it; undefined while it starts. */
  port: number | undefined;
  open_requests: number;
  started_at: string;
}

interface ServeOptions {
  /** As the function is deployed. */
  id: string;
  request: IncomingMessage;
  response: ServerResponse;
  /** Path and query as the function sees them. */
  path: string;
  /** Another limit than the function's own, when that is shorter. */
  limitMs?: number;
  /** Changes the answer's headers, names and values in turn; may listen to the answer. */
  headers?: (raw: string[], answer: IncomingMessage) => string[];
}

export interface LocalFunctions extends LocalService<FunctionsUsage> {
  has(id: string): boolean;
  /** Starts the instances that functions want to have always, in the background. */
  warm(): void;
  /** Serves one request with an instance of the function, which must exist. */
  serve(options: ServeOptions): Promise<void>;
  instances(): InstanceInfo[];
  /** Ends all instances of a function with SIGKILL; returns how many there were. Throws {@link UnknownFunction}. */
  kill(name: string): Promise<number>;
  /** Sets every instance's clock and answers their states after that. */
  sync(offsetMs: number): Promise<InstanceState[]>;
  /** Instances that start just now. */
  startingCount(): number;
  /** Instances that were told to end and have not. */
  stoppingCount(): number;
}

/**
 * Runs a code base's functions at the addresses of the official emulator,
 * `http://127.0.0.1:PORT/PROJECT/REGION/ID/…`, each instance a process of its own that serves requests
 * concurrently, as on Cloud Run.
 */
export async function startFunctions(options: FunctionsOptions): Promise<LocalFunctions> {
  const manager = new FunctionsManager(options);
  const prefix = `/${options.projectId}/${options.region}/`;
  const server = createServer((request, response) => {
    const target = splitAddress(request.url ?? '/', prefix);
    if (target === undefined || !manager.has(target.id)) {
      answerText(response, 404, `There is no function at ${request.url}.`);
    } else void manager.serveDirectly({ ...target, request, response });
  });
  server.requestTimeout = 0;
  const port = await listen(server, options.port, 'functions');
  const endLimit = limitMemory(() => manager.processes());
  return Object.assign(manager, {
    port,
    close: async () => {
      endLimit();
      await manager.killAll();
      await closeServer(server);
    },
  });
}

/** `/project/region/id/rest?query` without its prefix, as the function is to see it. */
function splitAddress(url: string, prefix: string): { id: string; path: string } | undefined {
  if (!url.startsWith(prefix)) return undefined;
  const rest = url.slice(prefix.length);
  const end = rest.search(/[/?]/);
  if (end === -1) return { id: rest, path: '/' };
  const path = rest.slice(end);
  return { id: rest.slice(0, end), path: path.startsWith('?') ? `/${path}` : path };
}

interface ServedFunction {
  spec: FunctionSpec;
  pool: FunctionPool;
  meter: FunctionMeter;
}

class FunctionsManager {
  readonly #functions = new Map<string, ServedFunction>();
  /** Names by the ids that they are deployed under. */
  readonly #names = new Map<string, string>();
  readonly #causes = new Causes();
  readonly #clock: LocalClock;
  readonly #faults: Faults;
  #egressBytes = 0;
  #open = 0;

  constructor(options: FunctionsOptions) {
    this.#clock = options.clock;
    this.#faults = options.faults;
    const { clock, functionsDir, log, limitCpu } = options;
    for (const spec of options.functions) {
      const meter = new FunctionMeter();
      const meteredLog: Log = (source, entry) => {
        meter.logged(entry);
        log(source, entry);
      };
      const start = () =>
        new InstanceProcess({ spec, functionsDir, env: options.env(spec), clock, log: meteredLog, limitCpu });
      this.#names.set(spec.id, spec.name);
      this.#functions.set(spec.name, { spec, pool: new FunctionPool(spec, clock, start), meter });
    }
  }

  has(id: string): boolean {
    return this.#names.has(id);
  }

  warm(): void {
    for (const { pool } of this.#functions.values()) pool.warm();
  }

  processes(): InstanceProcess[] {
    return this.#all().map(([, instance]) => instance);
  }

  /** Serves a request that came to the function's own address: what a caller gets there leaves the cloud. */
  async serveDirectly(options: ServeOptions): Promise<void> {
    const { socket } = options.request;
    const before = socket.bytesWritten;
    await this.serve(options);
    if (this.#function(this.#nameOf(options.id)).spec.trigger.kind === 'https')
      this.#egressBytes += socket.bytesWritten - before;
  }

  async serve({ id, request, response, path, limitMs, headers }: ServeOptions): Promise<void> {
    const name = this.#nameOf(id);
    const { spec, pool, meter } = this.#function(name);
    const cause = this.#causes.of(spec.trigger, request, path);
    meter.requested(cause);
    this.#open += 1;
    const timeoutMs = Math.min(spec.timeoutMs, limitMs ?? Infinity);
    const abort = new AbortController();
    const timer = this.#clock.setTimeout(() => abort.abort(), timeoutMs);
    try {
      if (await this.#isRefused(name, response)) return;
      const found = pool.acquire(cause);
      const instance = found instanceof Promise ? await found : found;
      try {
        await forward({ request, response, instance, path, signal: abort.signal, headers });
      } finally {
        pool.release(instance, cause);
      }
    } catch (error) {
      if (!(error instanceof NoInstance)) throw error;
      answerText(response, error.status, error.message);
    } finally {
      this.#clock.clearTimeout(timer);
      this.#open -= 1;
    }
  }

  /** True where a fault keeps the request from the function's code; then it is answered. */
  async #isRefused(name: string, response: ServerResponse): Promise<boolean> {
    const hit = this.#faults.check('functions', name, 'before');
    const failure = hit && (await this.#faults.wait(hit));
    if (failure === 'cut') response.destroy();
    else if (failure !== undefined) answerText(response, failure, 'Refused before the function was reached.');
    return failure !== undefined;
  }

  inFlight(): number {
    return this.#open;
  }

  usage(): FunctionsUsage {
    const byFunction: FunctionsUsage['by_function'] = {};
    let [logBytes, secretAccesses] = [0, 0];
    for (const [name, { spec, pool, meter }] of this.#functions) {
      byFunction[name] = meter.usage(spec, pool.starts, pool.billedMs());
      logBytes += meter.logBytes;
      secretAccesses += pool.starts * spec.secrets.length;
    }
    return {
      ...sumsOf(Object.values(byFunction)),
      egress_bytes: this.#egressBytes,
      log_bytes: logBytes,
      secret_accesses: secretAccesses,
      by_function: byFunction,
    };
  }

  resetUsage(): void {
    this.#egressBytes = 0;
    for (const { pool, meter } of this.#functions.values()) {
      pool.resetUsage();
      meter.reset();
    }
  }

  instances(): InstanceInfo[] {
    return this.#all().map(([name, instance]) => ({
      function: name,
      pid: instance.pid,
      port: instance.port,
      open_requests: instance.openRequests,
      started_at: new Date(instance.startedAtMs).toISOString(),
    }));
  }

  async kill(name: string): Promise<number> {
    return this.#function(name).pool.kill();
  }

  async killAll(): Promise<void> {
    await Promise.all([...this.#functions.values()].map(({ pool }) => pool.close()));
  }

  async sync(offsetMs: number): Promise<InstanceState[]> {
    const states = await Promise.all(this.#all().map(([, instance]) => instance.sync(offsetMs)));
    return states.filter((state) => state !== undefined);
  }

  startingCount(): number {
    let count = 0;
    for (const { pool } of this.#functions.values()) count += pool.startingCount();
    return count;
  }

  stoppingCount(): number {
    let count = 0;
    for (const { pool } of this.#functions.values()) count += pool.stoppingCount();
    return count;
  }

  #nameOf(id: string): string {
    return this.#names.get(id) ?? id;
  }

  #function(name: string): ServedFunction {
    const found = this.#functions.get(name);
    if (found === undefined) throw new UnknownFunction(name);
    return found;
  }

  #all(): [string, InstanceProcess][] {
    return [...this.#functions].flatMap(([name, { pool }]) =>
      pool.instances().map((instance): [string, InstanceProcess] => [name, instance]),
    );
  }
}
