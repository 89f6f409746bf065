import { backoffMs, pause } from './clock.ts';
import { Refused, Unavailable } from './errors.ts';
import { passing, type Stamped, ship } from './shipping.ts';
import { aheadMs, earliestStamp, StampSource, stampMs } from './stamps.ts';
import type { Transport } from './transport.ts';

const backoff = { firstMs: 500, maxMs: 5000 };

/** Sends events at once: each call is one request, repeated with the same stamps while Sluice is out of reach. */
export class Direct {
  readonly #transport: Transport;
  #stamps = new StampSource();
  #last = earliestStamp;
  #offsetMs = 0;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Resolves when all are kept. Throws Refused for the first that is not, Unavailable after the time. */
  async send(lines: readonly string[]): Promise<void> {
    const { world, timeoutMs } = this.#transport;
    const endMs = world.clock.now() + timeoutMs;
    let left = this.#stamped(lines);
    let isAnew = false;
    for (let failures = 0; ; ) {
      try {
        const shipped = await ship(this.#transport, left, Math.max(1000, endMs - world.clock.now()));
        const { rejected, serverMs } = shipped;
        const [first] = rejected;
        if (first === undefined) return;
        const isOff = rejected.some(({ code }) => code === 'stamp_out_of_range');
        const canAnew = isOff && !isAnew && serverMs !== undefined;
        const forGood = rejected.find(
          ({ code }) => !passing.includes(code) && !(canAnew && code === 'stamp_out_of_range'),
        );
        if (forGood !== undefined) throw new Refused(forGood.code, forGood.message);
        const places = new Set(rejected.map(({ index }) => index));
        left = left.filter((_, index) => places.has(index));
        if (!canAnew) throw new Unavailable(`Sluice does not take an event now: ${first.message}`);
        isAnew = true;
        this.#follow(serverMs);
        left = this.#stamped(left.map(({ line }) => line));
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error;
        const waitMs = backoffMs(world, failures, backoff, error.retryAfterMs);
        failures += 1;
        if (world.clock.now() + waitMs >= endMs) throw error;
        await pause(world.clock, waitMs);
      }
    }
  }

  /** Follows the server's clock. */
  #follow(serverMs: number): void {
    this.#offsetMs = serverMs - this.#transport.world.now();
    if (stampMs(this.#last) <= serverMs + aheadMs) return;
    // As another opening: where the clock goes back no stamp comes twice.
    this.#stamps = new StampSource();
    this.#last = earliestStamp;
  }

  #stamped(lines: readonly string[]): Stamped[] {
    const nowMs = this.#transport.world.now() + this.#offsetMs;
    return lines.map((line) => {
      this.#last = this.#stamps.after(this.#last, nowMs);
      return { line, stamp: this.#last };
    });
  }
}
