import type { LocalClock } from './clock.ts';

export type LocalServiceName = 'firestore' | 'tasks' | 'storage';

/** `before`: refused, nothing done. `after`: done, but the answer is lost and the caller sees the error. */
export type FaultPhase = 'before' | 'after';

export interface Fault {
  service: LocalServiceName;
  /** gRPC status number for firestore and tasks, HTTP status for storage. */
  code: number;
  /** Share of the calls it hits, 0 to 1. */
  rate: number;
  forMs: number;
  phase: FaultPhase;
  /** Only this RPC (firestore, tasks: its name; storage: `GET`, `POST`, …), or every one. */
  method?: string;
}

/** The faults in force. Each simulator asks before it works and again before it answers. */
export class Faults {
  readonly #clock: LocalClock;
  readonly #random: () => number;
  #active: (Fault & { untilMs: number })[] = [];

  constructor(clock: LocalClock, random: () => number = Math.random) {
    this.#clock = clock;
    this.#random = random;
  }

  add(fault: Fault): void {
    this.#active.push({ ...fault, untilMs: this.#clock.now() + fault.forMs });
  }

  clear(): void {
    this.#active = [];
  }

  /** The code to fail this call with, or undefined to let it through. */
  check(service: LocalServiceName, method: string, phase: FaultPhase): number | undefined {
    const now = this.#clock.now();
    this.#active = this.#active.filter((fault) => fault.untilMs > now);
    for (const fault of this.#active) {
      if (fault.service !== service || fault.phase !== phase) continue;
      if (fault.method !== undefined && fault.method !== method) continue;
      if (this.#random() < fault.rate) return fault.code;
    }
    return undefined;
  }
}
