import { seeded } from '../../bench/shared/random.ts';
import type { Clock } from '../../functions/src/platform/clock.ts';
import { delay } from '../../functions/src/platform/clock.ts';
import type { DocumentStore, DocumentWrite } from '../../functions/src/platform/documents.ts';
import { QuotaDays } from '../../functions/src/quota/day.ts';
import { LeaseHolder } from '../../functions/src/quota/holder.ts';
import { Ledger } from '../../functions/src/quota/ledgerDocument.ts';
import type { LeaseReturn } from '../../functions/src/quota/ledgerRequest.ts';
import type { HolderKind, Lease } from '../../functions/src/quota/ledgerState.ts';
import type { QuotaLimits } from '../../functions/src/quota/limits.ts';
import { OperationMeter } from '../../functions/src/quota/meter.ts';
import { noOperations } from '../../functions/src/quota/operations.ts';
import { Throttle } from '../../functions/src/quota/throttle.ts';
import { MemoryDocuments } from '../support/documents.ts';
import { memoryLogger } from '../support/logger.ts';
import { VirtualTime } from './virtualTime.ts';

const maxDelayMs = 200;
const maxSkewMs = 1_000;
const commitsInFlight = 8;

/** Writes as the database sees them: how many at what moment. */
interface Arrival {
  atMs: number;
  writes: number;
}

interface WorldOptions {
  seed: number;
  startMs: number;
  limits: QuotaLimits;
}

/** A database far away, many that write to it, each with a clock of its own, and the real ledger between them. */
export class World {
  readonly time: VirtualTime;
  readonly random: () => number;
  readonly arrivals: Arrival[] = [];
  readonly ledgerArrivals: Arrival[] = [];
  ledgerReads = 0;
  readonly lines = memoryLogger();
  readonly #options: WorldOptions;
  readonly #database: DocumentStore;
  readonly #days = new QuotaDays('America/Los_Angeles');
  #ids = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.time = new VirtualTime(options.startMs);
    this.random = seeded(options.seed);
    this.#database = new MemoryDocuments(this.time).connect();
  }

  /** The clocks of all differ by at most a second. */
  clock(): Clock {
    return this.time.skewed(Math.round((this.random() - 0.5) * maxSkewMs));
  }

  ledger(clock: Clock): Ledger {
    const { limits } = this.#options;
    const far = {
      read: async (paths: readonly string[]) => {
        await this.travel();
        const found = await this.#database.read(paths, 'ledger');
        this.ledgerReads += paths.length;
        await this.travel();
        return found;
      },
      commit: async (writes: readonly DocumentWrite[]) => {
        await this.travel();
        const versions = await this.#database.commit(writes, 'ledger');
        this.ledgerArrivals.push({ atMs: this.time.now(), writes: writes.length });
        await this.travel();
        return versions;
      },
    };
    return new Ledger({ documents: far, clock, days: this.#days, limits, random: this.random });
  }

  travel(): Promise<void> {
    return delay(this.time, this.#delayMs());
  }

  #delayMs(): number {
    return Math.round(this.random() * maxDelayMs);
  }

  holder(kind: HolderKind = 'worker'): LeaseHolder {
    const clock = this.clock();
    const meter = new OperationMeter();
    const logger = this.lines;
    const throttle = new Throttle({ logger, tickMs: 5_000, warn: (warning) => meter.warn(warning) });
    const ids = { uuid: () => this.nextId() };
    const ledger = this.ledger(clock);
    return new LeaseHolder({ ledger, kind, meter, throttle, clock, ids, logger, random: this.random });
  }

  nextId(): string {
    this.#ids += 1;
    return `id-${this.#ids}`;
  }

  /** Sends writes on their way. */
  write(writes: number): void {
    this.arrivals.push({ atMs: this.time.now() + this.#delayMs(), writes });
  }
}

/** An instance that has more to write than it may: it ends when it is killed, or at `endMs`. */
export class Instance {
  readonly #world: World;
  readonly #holder: LeaseHolder;
  #isAlive = true;

  constructor(world: World, holder = world.holder()) {
    this.#world = world;
    this.#holder = holder;
  }

  start(endMs: number): void {
    for (let worker = 0; worker < commitsInFlight; worker += 1) void this.#work(endMs);
  }

  kill(): void {
    this.#isAlive = false;
  }

  async #work(endMs: number): Promise<void> {
    const { time } = this.#world;
    while (time.now() < endMs) {
      const size = await this.#holder.commitSize(1_000);
      const writes = typeof size === 'number' ? size : 1;
      const decision = await this.#holder.acquire('writes', writes, 10_000);
      if (!this.#isAlive) return;
      if (decision.isGranted) {
        this.#world.write(writes);
        await this.#world.travel();
        await this.#world.travel();
      } else {
        await delay(time, Math.max(1, decision.retryAtMs - time.now()));
      }
      if (!this.#isAlive) return;
    }
  }
}

/** A proxy that takes leases over HTTP, spends them evenly, gives back what is left, and comes again. */
export class ProxyHolder {
  readonly #world: World;
  readonly #ledger: Ledger;
  readonly #name: string;
  readonly #wanted: { amount: number; termMs: number };

  constructor(world: World, name: string, wanted: { amount: number; termMs: number }) {
    this.#world = world;
    this.#ledger = world.ledger(world.clock());
    this.#name = name;
    this.#wanted = wanted;
  }

  async start(endMs: number): Promise<void> {
    const { time } = this.#world;
    let returns: LeaseReturn[] = [];
    while (time.now() < endMs) {
      const lease = await this.#take(returns);
      if (lease === undefined) await delay(time, 1_000 + this.#world.random() * 1_000);
      else returns = [{ id: lease.id, spent: { ...noOperations, writes: await this.#spend(lease) } }];
    }
  }

  async #take(returns: readonly LeaseReturn[]): Promise<Lease | undefined> {
    const { amount, termMs } = this.#wanted;
    const demand = { ...noOperations, writes: (amount / termMs) * 1000 };
    const wanted = {
      id: this.#world.nextId(),
      takeoverMs: 0,
      demands: demand,
      needs: noOperations,
      spentEarly: [],
      fixed: { amounts: { ...noOperations, writes: amount }, termMs },
    };
    const order = { holder: this.#name, kind: 'proxy' as const, returns, wanted, use: [], multiplier: 1 };
    try {
      return (await this.#ledger.ask(order)).lease;
    } catch {
      return undefined;
    }
  }

  /** Spends evenly, and stops early enough to renew it before it ends. Returns how many. */
  async #spend(lease: Lease): Promise<number> {
    const { time } = this.#world;
    const stepMs = 100;
    let [spent, credit] = [0, 0];
    // The lease's times are those of the clock that granted it; its holder counts from when it hears of it.
    const endMs = time.now() + (lease.endMs - lease.startMs) - 5 * maxDelayMs;
    while (time.now() < endMs && spent < lease.amounts.writes) {
      credit = Math.min(credit + (lease.rates.writes * stepMs) / 1000, Math.max(1, lease.rates.writes / 5));
      const writes = Math.min(Math.floor(credit), lease.amounts.writes - spent);
      if (writes > 0) this.#world.write(writes);
      spent += writes;
      credit -= writes;
      await delay(time, stepMs);
    }
    return spent;
  }
}

/** The most writes in any window of this length that begins with one. */
export function busiest(arrivals: readonly Arrival[], windowMs: number): number {
  const sorted = arrivals.toSorted((a, b) => a.atMs - b.atMs);
  let [first, sum, most] = [0, 0, 0];
  for (const { atMs, writes } of sorted) {
    sum += writes;
    for (
      let oldest = sorted[first];
      oldest !== undefined && oldest.atMs <= atMs - windowMs;
      oldest = sorted[first]
    ) {
      sum -= oldest.writes;
      first += 1;
    }
    most = Math.max(most, sum);
  }
  return most;
}

export function total(arrivals: readonly Arrival[], fromMs = 0, toMs = Number.POSITIVE_INFINITY): number {
  return arrivals.reduce((sum, { atMs, writes }) => (atMs >= fromMs && atMs < toMs ? sum + writes : sum), 0);
}
