import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { LocalClock } from '../shared/clock.ts';
import type { Faults } from '../shared/faults.ts';
import { closeServer, listen } from '../shared/http.ts';
import type { Log } from '../shared/log.ts';
import type { LocalService } from '../shared/service.ts';
import type { CpuLimiter } from './cpu.ts';
import { InstanceProcess } from './instance-process.ts';
import type { FunctionSpec } from './manifest.ts';
import { limitMemory } from './memory.ts';
import { FunctionPool, NoInstance } from './pool.ts';
import type { InstanceState } from './protocol.ts';
import { answerText, forward } from './proxy.ts';

export interface FunctionsOptions {
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

export interface FunctionsUsage {
  requests: number;
  /** Billed instance time in seconds. */
  active_s: number;
}

export interface InstanceInfo {
  function: string;
  pid: number | undefined;
  /** Serves the function itself, without the router before it; undefined while it starts. */
  port: number | undefined;
  open_requests: number;
  started_at: string;
}

export interface ServeOptions {
  name: string;
  request: IncomingMessage;
  response: ServerResponse;
  /** Path and query as the function sees them. */
  path: string;
  /** Another limit than the function's own, when that is shorter. */
  limitMs?: number;
  /** Changes the answer's headers: names and values in turn. */
  headers?: (raw: string[]) => string[];
}

export interface LocalFunctions extends LocalService<FunctionsUsage> {
  has(name: string): boolean;
  /** Starts the instances that functions want to have always, in the background. */
  warm(): void;
  /** Serves one request with an instance of the function `name`, which must exist. */
  serve(options: ServeOptions): Promise<void>;
  instances(): InstanceInfo[];
  /** Ends all instances of a function with SIGKILL; returns how many there were. Throws {@link UnknownFunction}. */
  kill(name: string): Promise<number>;
  /** Sets every instance's clock and answers their states after that. */
  sync(offsetMs: number): Promise<InstanceState[]>;
  /** Instances that start just now. */
  startingCount(): number;
}

/**
 * Runs a code base's functions at the addresses of the official emulator,
 * `http://127.0.0.1:PORT/PROJECT/REGION/NAME/…`, each instance a process of its own that serves requests
 * concurrently, as on Cloud Run.
 */
export async function startFunctions(options: FunctionsOptions): Promise<LocalFunctions> {
  const manager = new FunctionsManager(options);
  const prefix = `/${options.projectId}/${options.region}/`;
  const server = createServer((request, response) => {
    const target = splitAddress(request.url ?? '/', prefix);
    if (target === undefined || !manager.has(target.name)) {
      answerText(response, 404, `There is no function at ${request.url}.`);
    } else void manager.serve({ ...target, request, response });
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

/** `/project/region/name/rest?query` without its prefix, as the function is to see it. */
function splitAddress(url: string, prefix: string): { name: string; path: string } | undefined {
  if (!url.startsWith(prefix)) return undefined;
  const rest = url.slice(prefix.length);
  const end = rest.search(/[/?]/);
  if (end === -1) return { name: rest, path: '/' };
  const path = rest.slice(end);
  return { name: rest.slice(0, end), path: path.startsWith('?') ? `/${path}` : path };
}

class FunctionsManager {
  readonly #pools = new Map<string, FunctionPool>();
  readonly #specs = new Map<string, FunctionSpec>();
  readonly #clock: LocalClock;
  readonly #faults: Faults;
  #requests = 0;
  #open = 0;

  constructor(options: FunctionsOptions) {
    this.#clock = options.clock;
    this.#faults = options.faults;
    const { clock, functionsDir, log, limitCpu } = options;
    for (const spec of options.functions) {
      this.#specs.set(spec.name, spec);
      const start = () =>
        new InstanceProcess({ spec, functionsDir, env: options.env(spec), clock, log, limitCpu });
      this.#pools.set(spec.name, new FunctionPool(spec, clock, start));
    }
  }

  has(name: string): boolean {
    return this.#specs.has(name);
  }

  warm(): void {
    for (const pool of this.#pools.values()) pool.warm();
  }

  processes(): InstanceProcess[] {
    return this.#all().map(([, instance]) => instance);
  }

  async serve({ name, request, response, path, limitMs, headers }: ServeOptions): Promise<void> {
    const pool = this.#pool(name);
    this.#requests += 1;
    this.#open += 1;
    const timeoutMs = Math.min(this.#specs.get(name)?.timeoutMs ?? Infinity, limitMs ?? Infinity);
    const abort = new AbortController();
    const timer = this.#clock.setTimeout(() => abort.abort(), timeoutMs);
    try {
      if (await this.#isRefused(name, response)) return;
      const found = pool.acquire();
      const instance = found instanceof Promise ? await found : found;
      try {
        await forward({ request, response, instance, path, signal: abort.signal, headers });
      } finally {
        pool.release(instance);
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
    let activeMs = 0;
    for (const pool of this.#pools.values()) activeMs += pool.activeMs();
    return { requests: this.#requests, active_s: activeMs / 1000 };
  }

  resetUsage(): void {
    this.#requests = 0;
    for (const pool of this.#pools.values()) pool.resetActive();
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
    return this.#pool(name).kill();
  }

  async killAll(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.close()));
  }

  async sync(offsetMs: number): Promise<InstanceState[]> {
    const states = await Promise.all(this.#all().map(([, instance]) => instance.sync(offsetMs)));
    return states.filter((state) => state !== undefined);
  }

  startingCount(): number {
    let count = 0;
    for (const pool of this.#pools.values()) count += pool.startingCount();
    return count;
  }

  #pool(name: string): FunctionPool {
    const pool = this.#pools.get(name);
    if (pool === undefined) throw new UnknownFunction(name);
    return pool;
  }

  #all(): [string, InstanceProcess][] {
    return [...this.#pools].flatMap(([name, pool]) =>
      pool.instances().map((instance): [string, InstanceProcess] => [name, instance]),
    );
  }
}
