import * as z from 'zod/mini';
import type { Carrier } from '../events/carrier.ts';
import { type Clock, within } from '../platform/clock.ts';
import { sha256Hex } from '../platform/ids.ts';
import { parsedJson } from '../platform/json.ts';
import type { ObjectStore } from '../platform/objects.ts';
import { marksPauseMs, marksTimeoutMs } from './limits.ts';

/**
 * The mark of a carrier: the process at work on it, and the attempts that broke off before. One of
 * another version counts as none.
 */
const mark = z.strictObject({ version: z.literal(1), by: z.nullable(z.string()), broken: z.int() });

/** The end of an attempt: an outage is not the carrier's fault, an error of our own is. */
export type Ending = 'done' | 'outage' | 'broken';

interface AttemptsOptions {
  objects: Pick<ObjectStore, 'get' | 'put' | 'delete'>;
  clock: Clock;
  /** Names this process. */
  instance: string;
}

/**
 * Counts the attempts at a carrier that began and broke off, by an object of its own: whoever finds that of a process
 * which is not itself knows that it died over this carrier. Cloud Tasks counts attempts too that never reached the
 * code. While Cloud Storage fails nothing is counted, and it is left alone for a moment. The bucket's rule for
 * `bodies/` deletes leftovers.
 */
export class Attempts {
  readonly #options: AttemptsOptions;
  #leftAloneUntilMs = 0;

  constructor(options: AttemptsOptions) {
    this.#options = options;
  }

  /** Counts the attempts at the carrier that broke off. */
  async broken(carrier: Carrier): Promise<number> {
    const { objects, instance } = this.#options;
    const stored = await this.#unlessDown(() => objects.get(markName(carrier)));
    const found = mark.safeParse(stored && parsedJson(stored.bytes));
    if (!found.success) return 0;
    const { by, broken } = found.data;
    return by === null || by === instance ? broken : broken + 1;
  }

  /** Notes that an attempt begins, after so many that broke off. */
  async begin(carrier: Carrier, broken: number): Promise<void> {
    await this.#mark(carrier, this.#options.instance, broken);
  }

  /** Notes the end of the attempt that began after so many. */
  async end(carrier: Carrier, ending: Ending, broken: number): Promise<void> {
    const counted = ending === 'broken' ? broken + 1 : broken;
    if (ending !== 'done' && counted > 0) return this.#mark(carrier, null, counted);
    await this.#unlessDown(() => this.#options.objects.delete(markName(carrier)));
  }

  async #mark(carrier: Carrier, by: string | null, broken: number): Promise<void> {
    const { objects, clock } = this.#options;
    const bytes = Buffer.from(JSON.stringify({ version: 1, by, broken }));
    await this.#unlessDown(() => objects.put(markName(carrier), bytes, { customTimeMs: clock.now() }));
  }

  async #unlessDown<Result>(call: () => Promise<Result>): Promise<Result | undefined> {
    const { clock } = this.#options;
    if (clock.now() < this.#leftAloneUntilMs) return undefined;
    try {
      return await within(clock, marksTimeoutMs, call(), () => new Error('no answer in time'));
    } catch {
      this.#leftAloneUntilMs = clock.now() + marksPauseMs;
      return undefined;
    }
  }
}

/** The name of a carrier's mark: the same whenever the carrier is due, as it may have been put again. */
function markName({ schema, count, oldest, events, object }: Carrier): string {
  return `bodies/attempts/${sha256Hex(JSON.stringify([schema, count, oldest, events, object]))}`;
}
