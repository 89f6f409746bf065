import { backoffMs, pause } from './clock.ts';
import { Refused, Unavailable } from './errors.ts';
import { ship } from './shipping.ts';
import { earliestStamp, StampSource } from './stamps.ts';
import type { Transport } from './transport.ts';

const backoff = { firstMs: 500, maxMs: 5000 };

/** Sends events at once: each call is one request, repeated with the same stamps while Sluice is out of reach. */
export class Direct {
  readonly #transport: Transport;
  readonly #stamps = new StampSource();
  #last = earliestStamp;
  #offsetMs = 0;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Resolves when all are kept. Throws Refused for the first that is not, Unavailable after the time. */
  async send(lines: readonly string[]): Promise<void> {
    const { world, timeoutMs } = this.#transport;
    const endMs = world.clock.now() + timeoutMs;
    let events = this.#stamped(lines);
    let isAnew = false;
    for (let failures = 0; ; ) {
      try {
        const shipped = await ship(this.#transport, events, Math.max(1000, endMs - world.clock.now()));
        const { rejected, serverMs } = shipped;
        const [first] = rejected;
        if (first === undefined) return;
        const isOff = rejected.every(({ code }) => code === 'stamp_out_of_range');
        if (!isOff || isAnew || serverMs === undefined) throw new Refused(first.code, first.message);
        isAnew = true;
        this.#offsetMs = serverMs - world.now();
        this.#last = earliestStamp;
        const off = new Set(rejected.map(({ index }) => index));
        events = this.#stamped(events.filter((_, index) => off.has(index)).map(({ line }) => line));
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error;
        const waitMs = backoffMs(world, failures, backoff, error.retryAfterMs);
        failures += 1;
        if (world.clock.now() + waitMs >= endMs) throw error;
        await pause(world.clock, waitMs);
      }
    }
  }

  #stamped(lines: readonly string[]): { line: string; stamp: string }[] {
    const nowMs = this.#transport.world.now() + this.#offsetMs;
    return lines.map((line) => {
      this.#last = this.#stamps.after(this.#last, nowMs);
      return { line, stamp: this.#last };
    });
  }
}
