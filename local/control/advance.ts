import { setTimeout as sleep } from 'node:timers/promises';
import type { LocalFunctions } from '../functions/index.ts';
import type { InstanceState } from '../functions/protocol.ts';
import type { LocalClock } from '../shared/clock.ts';

interface AdvanceOptions {
  clock: LocalClock;
  functions: LocalFunctions;
  /** Dispatches, scheduled calls and calls of the simulators that are under way. */
  externalWork(): { dispatches: number; calls: number };
  /** Calls of the simulators that latencies and faults keep waiting. */
  heldCalls(): number;
  /** Counts that change with every call that a simulator answers. */
  fingerprint(): string;
}

/** Reading the instances twice this far apart must show no change before they count as waiting. */
const quietMs = 1;
/**
 * Equal readings in a row that count as quiet: a call between two processes shows in neither for
 * less time than they take.
 */
const quietReadings = 2;
/** The same where an instance waits for an answer that no simulator holds back: it is on its way, or was lost. */
const lostReadings = 100;
/** An instance that works longer than this on one moment is left to it; the clock goes on. */
const settleLimitMs = 30_000;

/**
 * Moves the stack's clock from one due moment to the next, in all processes, and lets each moment's work come to
 * rest before the next: all answered, or all that is open waits for a timer.
 */
export class ClockControl {
  readonly #options: AdvanceOptions;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: AdvanceOptions) {
    this.#options = options;
  }

  /** Returns the time after `ms` more; several calls run one after the other. */
  advance(ms: number): Promise<number> {
    const run = this.#last.then(() => this.#advance(ms));
    this.#last = run.catch(() => {});
    return run;
  }

  async #advance(ms: number): Promise<number> {
    const { clock } = this.#options;
    const targetMs = clock.now() + ms;
    let states = await this.#settle();
    while (true) {
      const dueMs = nextDueMs(clock, states);
      if (dueMs === undefined || dueMs > targetMs) break;
      await this.#moveTo(dueMs);
      states = await this.#settle();
    }
    await this.#moveTo(targetMs);
    await this.#settle();
    return clock.now();
  }

  /** The stack's own timers run first, and then the instances': a dispatch due now meets the timer due now. */
  async #moveTo(atMs: number): Promise<void> {
    const { clock, functions } = this.#options;
    clock.setOffsetMs(clock.offsetMs() + Math.max(0, atMs - clock.now()));
    await functions.sync(clock.offsetMs());
  }

  /** Waits until nothing moves any more; returns the instances' last states. */
  async #settle(): Promise<InstanceState[]> {
    const { clock, functions } = this.#options;
    const giveUpMs = performance.now() + settleLimitMs;
    let before = '';
    let equal = 0;
    while (true) {
      const states = await functions.sync(clock.offsetMs());
      const { dispatches, calls } = this.#options.externalWork();
      const dueMs = nextDueMs(clock, states);
      const busy =
        calls > 0 ||
        states.some((state) => state.pendingWork > 0) ||
        functions.startingCount() > 0 ||
        (dueMs !== undefined && dueMs <= clock.now());
      const now = `${functions.inFlight()} ${dispatches} ${JSON.stringify(states)} ${this.#options.fingerprint()}`;
      equal = !busy && now === before ? equal + 1 : 0;
      before = now;
      const idle =
        functions.inFlight() + dispatches === 0 && states.every((state) => state.openRequests === 0);
      const openCalls = states.reduce((sum, state) => sum + state.openCalls, 0);
      const isMissing = openCalls > this.#options.heldCalls();
      // What an instance does before it ends answers no request.
      const isEnding = functions.stoppingCount() > 0;
      const needed = isEnding || isMissing ? lostReadings : idle ? 1 : quietReadings;
      if (equal >= needed || performance.now() > giveUpMs) return states;
      if (idle && !isEnding) await sleep(0);
      else await sleep(quietMs);
    }
  }
}

/** The time of the earliest timer of the stack and its instances. */
function nextDueMs(clock: LocalClock, states: InstanceState[]): number | undefined {
  const moments = [clock.nextDueMs(), ...states.map((state) => state.nextDueMs)];
  const known = moments.filter((moment) => typeof moment === 'number');
  return known.length === 0 ? undefined : Math.min(...known);
}
