import type { LocalClock, LocalTimer } from './clock.ts';
import type { Latencies } from './latencies.ts';

/** `functions` is the platform before them: what befalls a call there never reaches the function's code. */
export type LocalServiceName = 'firestore' | 'tasks' | 'storage' | 'metadata' | 'functions';

/**
 * `before`: it strikes before anything is done. `after`: the work is done, and then its answer is lost or late. `half`:
 * so is the other half of its answer (of a body, of a stream's messages; of a single message, all but the headers).
 */
export type FaultPhase = 'before' | 'after' | 'half';

/** A mishap of calls; at least one of `code`, `delayMs`, `cut` and `hang`, and no two of `code`, `cut` and `hang`. */
export interface Fault {
  service: LocalServiceName;
  /** gRPC status number for firestore and tasks, HTTP status for the others; not half-way. */
  code?: number;
  /** The call waits so long by the stack's clock, and then fails or goes on. */
  delayMs?: number;
  /** The caller's connection is reset without an answer, and with it all else that is open on it. */
  cut?: boolean;
  /** The call gets no answer on a connection that stays open, also after faults are cleared. */
  hang?: boolean;
  /** Share of the calls it hits, 0 to 1. */
  rate: number;
  forMs: number;
  phase: FaultPhase;
  /**
   * Only this RPC (firestore, tasks: its name; storage, metadata: `GET`, `POST`, …; functions:
   * one of them), or every one.
   */
  method?: string;
}

/** The code to fail with, or that the connection is to be reset. */
type FaultFailure = number | 'cut';

/** The fate of one call: first the delays of all faults that hit it, then the failure of the first that has one. */
export interface FaultHit {
  delayMs: number;
  failure?: FaultFailure | 'hang';
}

interface Wait {
  timer: LocalTimer;
  end(): void;
}

/** The faults in force, and the usual latencies. Each simulator asks before it works and again before it answers. */
export class Faults {
  readonly #clock: LocalClock;
  readonly #random: () => number;
  readonly #latencies: Latencies;
  #active: (Fault & { untilMs: number })[] = [];
  readonly #waits = new Set<Wait>();
  #hits = 0;
  #hung = 0;

  constructor(clock: LocalClock, random: () => number = Math.random, latencies: Latencies = {}) {
    this.#clock = clock;
    this.#random = random;
    this.#latencies = latencies;
  }

  /** Calls that a fault befell so far. */
  get hits(): number {
    return this.#hits;
  }

  /** Calls that are kept waiting now, those that hang included. */
  get held(): number {
    return this.#waits.size + this.#hung;
  }

  add(fault: Fault): void {
    this.#active.push({ ...fault, untilMs: this.#clock.now() + fault.forMs });
  }

  /** Ends all faults; calls that are kept waiting go on. */
  clear(): void {
    this.#active = [];
    for (const { timer, end } of this.#waits) {
      this.#clock.clearTimeout(timer);
      end();
    }
    this.#waits.clear();
  }

  /** Returns the fate of this call, or undefined to let it through. */
  check(service: LocalServiceName, method: string, phase: FaultPhase): FaultHit | undefined {
    const latencyMs = phase === 'before' ? this.#latencyMs(service, method) : 0;
    const unharmed = latencyMs > 0 ? { delayMs: latencyMs } : undefined;
    if (this.#active.length === 0) return unharmed;
    const now = this.#clock.now();
    this.#active = this.#active.filter((fault) => fault.untilMs > now);
    let delayMs = 0;
    for (const fault of this.#active) {
      if (fault.service !== service || fault.phase !== phase) continue;
      if (fault.method !== undefined && fault.method !== method) continue;
      if (this.#random() >= fault.rate) continue;
      delayMs += fault.delayMs ?? 0;
      const failure = fault.hang === true ? 'hang' : fault.cut === true ? 'cut' : fault.code;
      if (failure !== undefined) return this.#hit({ delayMs: delayMs + latencyMs, failure });
    }
    return delayMs > 0 ? this.#hit({ delayMs: delayMs + latencyMs }) : unharmed;
  }

  /**
   * Resolves when the hit's delay is over, or when faults are cleared, with the failure that is to follow (undefined:
   * the call goes on); never for a call that hangs.
   */
  async wait({ delayMs, failure }: FaultHit): Promise<FaultFailure | undefined> {
    await this.#delay(delayMs);
    if (failure !== 'hang') return failure;
    this.#hung += 1;
    return new Promise<never>(() => {});
  }

  #latencyMs(service: LocalServiceName, method: string): number {
    const latencies = this.#latencies[service];
    return latencies?.[method] ?? latencies?.['*'] ?? 0;
  }

  #hit(hit: FaultHit): FaultHit {
    this.#hits += 1;
    return hit;
  }

  #delay(delayMs: number): Promise<void> {
    if (delayMs === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#clock.setTimeout(() => {
        this.#waits.delete(wait);
        resolve();
      }, delayMs);
      const wait: Wait = { timer, end: resolve };
      this.#waits.add(wait);
    });
  }
}
