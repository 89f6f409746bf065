import { type ChildProcess, fork } from 'node:child_process';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { LocalClock } from '../shared/clock.ts';
import { type Log, parseLogLine } from '../shared/log.ts';
import type { CpuLimiter } from './cpu.ts';
import type { FunctionSpec } from './manifest.ts';
import { heapArguments, type LimitedProcess, mebibytes } from './memory.ts';
import { ActiveTime, startCause } from './metering.ts';
import { commandFile } from './packages.ts';
import type { FromInstance, InstanceState, SyncMessage } from './protocol.ts';

/** After SIGTERM the platform gives an instance 10 s: https://cloud.google.com/run/docs/container-contract */
const shutdownGraceMs = 10_000;

interface InstanceOptions {
  spec: FunctionSpec;
  functionsDir: string;
  env: Record<string, string>;
  clock: LocalClock;
  log: Log;
  /** Without one the whole machine is there. */
  limitCpu?: CpuLimiter | undefined;
}

const ownFunctionsDir = join(import.meta.dirname, '../../functions');

/**
 * The Functions Framework that the code base names, as the platform's build installs it, else this repository's
 * (https://github.com/GoogleCloudPlatform/buildpacks, cmd/nodejs/functions_framework).
 */
export function frameworkFile(functionsDir: string): string {
  for (const dir of [functionsDir, ownFunctionsDir]) {
    const file = commandFile(dir, '@google-cloud/functions-framework', 'functions-framework');
    if (file !== undefined) return file;
  }
  throw new Error('The Functions Framework is not installed.');
}

/**
 * The platform's variables for the framework, and those that the Firebase CLI sets beside them
 * (`gcp/cloudfunctionsv2`).
 */
export function frameworkEnv(spec: Pick<FunctionSpec, 'entryPoint' | 'trigger'>): Record<string, string> {
  return {
    NODE_ENV: 'production',
    PORT: '0',
    FUNCTION_TARGET: spec.entryPoint,
    FUNCTION_SIGNATURE_TYPE: spec.trigger.kind === 'event' ? 'cloudevent' : 'http',
    LOG_EXECUTION_ID: 'true',
  };
}

/** The stack's side of one instance: its process, its connections, its open requests and what they cost. */
export class InstanceProcess implements LimitedProcess {
  readonly startedAtMs: number;
  readonly memoryBytes: number;
  readonly activeTime: ActiveTime;
  /** Keeps connections to the instance open, as it never closes one that is idle. */
  readonly agent = new Agent({ keepAlive: true });
  /** Resolves when it serves; never, when it ends before that. */
  readonly ready: Promise<void>;
  readonly exited: Promise<void>;
  lastUsedMs: number;
  #openRequests = 0;
  #port: number | undefined;
  #stopping = false;
  #isLoaded = false;
  #startMs = 0;
  #lastSyncId = 0;
  readonly #concurrency: number;
  readonly #child: ChildProcess;
  readonly #clock: LocalClock;
  readonly #log: (message: string) => void;
  readonly #waiting = new Map<number, (state: InstanceState | undefined) => void>();

  constructor(options: InstanceOptions) {
    const { spec, clock } = options;
    this.#clock = clock;
    this.#concurrency = spec.concurrency;
    this.memoryBytes = spec.memoryBytes;
    this.#log = (message) => options.log(spec.name, { severity: 'ERROR', message });
    this.startedAtMs = clock.now();
    this.lastUsedMs = this.startedAtMs;
    this.activeTime = new ActiveTime(() => clock.now());
    // The platform bills a start.
    this.activeTime.begin(startCause);
    this.#child = fork(
      join(import.meta.dirname, 'instance.ts'),
      [frameworkFile(options.functionsDir), String(clock.offsetMs()), String(clock.standsAtMs ?? '')],
      {
        cwd: options.functionsDir,
        env: { ...options.env, ...frameworkEnv(spec) },
        execArgv: heapArguments(spec.memoryBytes),
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      },
    );
    this.#forwardLog(options);
    const endLimit = this.#limitCpu(options);
    this.exited = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        endLimit?.();
        this.#onExit(signal ?? `code ${code}`);
        resolve();
      });
    });
    this.ready = new Promise((resolve) => {
      this.#child.on('message', (message: FromInstance) => {
        if (message.type === 'state') this.#settle(message.id, message.state);
        else if (message.type === 'ready') this.#afterStart(() => this.#serve(message.port, resolve));
        else if (this.#port === undefined) this.#startMs = message.cpuMs / spec.vcpu;
        else this.activeTime.work(message.cpuMs / spec.vcpu);
      });
    });
  }

  /** Lets a start take the time of its work where the clock stands still. */
  #afterStart(run: () => void): void {
    this.#isLoaded = true;
    if (this.#startMs === 0) run();
    else {
      const timer = this.#clock.setTimeout(run, this.#startMs);
      void this.exited.then(() => this.#clock.clearTimeout(timer));
    }
  }

  #serve(port: number, ready: () => void): void {
    if (this.#stopping) return;
    this.#port = port;
    this.activeTime.end(startCause);
    ready();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Undefined until it is ready. */
  get port(): number | undefined {
    return this.#port;
  }

  get openRequests(): number {
    return this.#openRequests;
  }

  /** True once its process has started, whatever the clock says. */
  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  get isStopping(): boolean {
    return this.#stopping;
  }

  hasRoom(): boolean {
    return this.#port !== undefined && !this.#stopping && this.#openRequests < this.#concurrency;
  }

  begin(cause: string): void {
    this.#openRequests += 1;
    this.lastUsedMs = this.#clock.now();
    this.activeTime.begin(cause);
  }

  end(cause: string): void {
    this.#openRequests -= 1;
    this.lastUsedMs = this.#clock.now();
    this.activeTime.end(cause);
  }

  /** Moves its clock and answers its state after that; undefined when it has ended. */
  sync(offsetMs: number): Promise<InstanceState | undefined> {
    if (!this.#child.connected) return Promise.resolve(undefined);
    this.#lastSyncId += 1;
    const message: SyncMessage = { type: 'sync', id: this.#lastSyncId, offsetMs };
    return new Promise((resolve) => {
      this.#waiting.set(message.id, resolve);
      this.#child.send(message, (error) => {
        if (error !== null) this.#settle(message.id, undefined);
      });
    });
  }

  /** Lets it finish what it has, within the platform's time of grace. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const grace = setTimeout(() => this.kill(), shutdownGraceMs);
    // A signal would overtake the time to which the clocks were just moved.
    await Promise.race([this.sync(this.#clock.offsetMs()), this.exited]);
    this.#child.kill('SIGTERM');
    await this.exited;
    clearTimeout(grace);
  }

  /** Ends it in the middle of whatever it does. */
  kill(): void {
    this.#stopping = true;
    this.#child.kill('SIGKILL');
  }

  killForMemory(usedBytes: number): void {
    if (this.#stopping) return;
    const [limit, used] = [this.memoryBytes, usedBytes].map(mebibytes);
    this.#log(`Memory limit of ${limit} MiB exceeded with ${used} MiB used: the instance is killed.`);
    this.kill();
  }

  #limitCpu({ spec, limitCpu }: InstanceOptions): (() => void) | undefined {
    if (this.pid === undefined) return undefined;
    try {
      return limitCpu?.(this.pid, spec.vcpu);
    } catch (error) {
      this.#log(`Its CPU is not limited to ${spec.vcpu} vCPU: ${error}`);
      return undefined;
    }
  }

  #settle(id: number, state: InstanceState | undefined): void {
    this.#waiting.get(id)?.(state);
    this.#waiting.delete(id);
  }

  #onExit(reason: string): void {
    if (!this.#stopping) this.#log(`The instance ended by itself (${reason}).`);
    this.#stopping = true;
    if (this.#port === undefined) this.activeTime.end(startCause);
    this.agent.destroy();
    for (const id of [...this.#waiting.keys()]) this.#settle(id, undefined);
  }

  #forwardLog({ spec, log }: InstanceOptions): void {
    const { stdout, stderr } = this.#child;
    if (stdout !== null) {
      createInterface({ input: stdout }).on('line', (line) => log(spec.name, parseLogLine(line, 'DEFAULT')));
    }
    if (stderr !== null) {
      createInterface({ input: stderr }).on('line', (line) => log(spec.name, parseLogLine(line, 'ERROR')));
    }
  }
}
