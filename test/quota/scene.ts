import type { DocumentStore } from '../../functions/src/platform/documents.ts';
import { QuotaDays } from '../../functions/src/quota/day.ts';
import { LeaseHolder } from '../../functions/src/quota/holder.ts';
import { type LeasedDocuments, leasedDocuments } from '../../functions/src/quota/leasedDocuments.ts';
import { decodeLedger, Ledger, ledgerPath } from '../../functions/src/quota/ledgerDocument.ts';
import type { HolderKind, LedgerState } from '../../functions/src/quota/ledgerState.ts';
import type { QuotaLimits } from '../../functions/src/quota/limits.ts';
import { OperationMeter } from '../../functions/src/quota/meter.ts';
import type { BilledType } from '../../functions/src/quota/operations.ts';
import { Throttle } from '../../functions/src/quota/throttle.ts';
import type { QuotaDecision } from '../../functions/src/quota/waiters.ts';
import { ManualClock } from '../support/clock.ts';
import { MemoryDocuments } from '../support/documents.ts';
import { allDone, type Decide } from '../support/fate.ts';
import { countingIds } from '../support/ids.ts';
import { memoryLogger } from '../support/logger.ts';

export const plenty: QuotaLimits = {
  rates: { writes: 800, reads: 8_000, deletes: 400 },
  perMinute: { writes: 50_000, reads: 500_000, deletes: 25_000 },
  daily: { writes: 0, reads: 0, deletes: 0 },
};

export const freeTier: QuotaLimits = { ...plenty, daily: { writes: 20_000, reads: 50_000, deletes: 20_000 } };

/** One of several processes that share a ledger. */
interface Process {
  holder: LeaseHolder;
  documents: LeasedDocuments;
  meter: OperationMeter;
  throttle: Throttle;
}

/** Processes that take leases from the real ledger in one database, on a clock that a test moves. */
export class Scene {
  readonly clock = new ManualClock();
  readonly database = new MemoryDocuments(this.clock);
  readonly logger = memoryLogger();
  readonly ids = countingIds();
  readonly days = new QuotaDays('America/Los_Angeles');
  /** The fate of calls to the ledger: `documents.read`, `documents.commit`. */
  decide: Decide = allDone;
  /** Duration of each call to the ledger. */
  delayMs = 0;
  limits: QuotaLimits;

  constructor(limits: QuotaLimits = plenty) {
    this.limits = limits;
  }

  ledger(store: Partial<DocumentStore> = {}): Ledger {
    const connection = { ...this.database.connect((operation) => this.decide(operation)), ...store };
    const later = async <Value>(work: () => Promise<Value>): Promise<Value> => {
      if (this.delayMs > 0) await new Promise<void>((done) => this.clock.setTimeout(done, this.delayMs));
      return work();
    };
    return new Ledger({
      documents: {
        read: (paths, cause) => later(() => connection.read(paths, cause)),
        commit: (writes, cause) => later(() => connection.commit(writes, cause)),
      },
      clock: this.clock,
      days: this.days,
      limits: this.limits,
      random: () => 0,
    });
  }

  process(
    kind: HolderKind = 'worker',
    store: Partial<DocumentStore> = {},
    maxWaitMs = 10_000,
    ledgerStore: Partial<DocumentStore> = {},
  ): Process {
    const { clock, logger, ids } = this;
    const meter = new OperationMeter();
    const throttle = new Throttle({ logger, tickMs: 5_000, warn: (warning) => meter.warn(warning) });
    const shared = { kind, meter, throttle, clock, ids, logger };
    const holder = new LeaseHolder({ ...shared, ledger: this.ledger(ledgerStore), random: () => 0 });
    const open = async () => ({ ...this.database.connect(), ...store });
    return {
      holder,
      meter,
      throttle,
      documents: leasedDocuments({ open, holder, meter, throttle, clock, maxWaitMs }),
    };
  }

  /** The ledger's state, decoded from its document. */
  get state(): LedgerState | undefined {
    const text = this.database.fields(ledgerPath)?.['ledger'];
    return text === undefined ? undefined : decodeLedger(text);
  }

  get ledgerWrites(): number {
    return this.database.commits.flat().filter((path) => path === ledgerPath).length;
  }

  get ledgerReads(): number {
    return this.database.reads.flat().filter((path) => path === ledgerPath).length;
  }
}

/** Asks and keeps what was decided, and when. */
export function asked(
  { clock }: Scene,
  { holder }: Process,
  type: BilledType,
  count: number,
  maxWaitMs = 10_000,
): { decision: QuotaDecision | undefined; atMs: number } {
  const outcome: { decision: QuotaDecision | undefined; atMs: number } = { decision: undefined, atMs: 0 };
  void holder.acquire(type, count, maxWaitMs).then((decision) => {
    outcome.decision = decision;
    outcome.atMs = clock.now();
  });
  return outcome;
}

/** Writes one after the other for as long as the clock is moved; counts those granted, and when. */
export function writing(scene: Scene, process: Process, count = 1): { atMs: number[]; stop(): void } {
  const atMs: number[] = [];
  let isOver = false;
  const next = async (): Promise<void> => {
    while (!isOver) {
      const decision = await process.holder.acquire('writes', count, 10_000);
      if (decision.isGranted) atMs.push(scene.clock.now());
      else
        await new Promise<void>((go) => scene.clock.setTimeout(go, decision.retryAtMs - scene.clock.now()));
    }
  };
  void next();
  return {
    atMs,
    stop: () => {
      isOver = true;
    },
  };
}

/** The longest time between two that follow each other. */
export function longestGap(moments: readonly number[]): number {
  return Math.max(...moments.map((ms, index) => ms - (moments[index - 1] ?? ms)));
}

export function charged(scene: Scene): number {
  return scene.state?.charged.writes ?? 0;
}
