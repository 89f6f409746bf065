import { backoffMs, type World } from './clock.ts';
import { ApiError, Blocked, messageOf, OutboxError, SluiceError, Unavailable } from './errors.ts';
import { passing, type Rejected, type Shipped, ship } from './shipping.ts';
import { aheadMs, earliestStamp } from './stamps.ts';
import type { RefusedRow, Row } from './store.ts';
import type { StoreClient } from './storeClient.ts';
import type { Transport } from './transport.ts';
import type { SetAside } from './types.ts';
import { maxBodyBytes } from './values.ts';

const maxLines = 1000;
/** The least that a body is halved to where somebody in between takes less than Sluice. */
const leastBodyBytes = 64 * 1024;
const firstBackoffMs = 1000;
/** The longest that an answer may keep the sender away. */
const maxRetryAfterMs = 600_000;
/** The age that a stamp is made of that is too old, with room to arrive: see docs/api.md, Events. */
const oldestMs = 45 * 86_400_000 - 2 * 3_600_000;
/** Acknowledged events whose deletion the disk refuses are remembered up to this many. */
const maxUndeleted = 500_000;

export interface SenderOptions {
  lingerMs: number;
  maxBackoffMs: number;
  onRefused: ((event: SetAside) => unknown) | undefined;
  logger: Pick<Console, 'info' | 'warn' | 'error'>;
}

/** Sends what the outbox holds, in order, a batch at a time, as the only sender of its file among all processes. */
export class Sender {
  sent = 0;
  /** The failure of the last attempt; undefined after one that went well. */
  error: string | undefined;
  isBlocked = false;
  readonly #store: StoreClient;
  readonly #transport: Transport;
  readonly #world: World;
  readonly #options: SenderOptions;
  readonly #loop: Promise<void>;
  #isClosed = false;
  #wake: (() => void) | undefined;
  /** When what is known to wait must go; undefined where that is not known, or nothing. */
  #dueMs: number | undefined;
  #waitingLines = 0;
  #waitingBytes = 0;
  #draining = 0;
  /** The number of drains that ever began. */
  #hurries = 0;
  #wasFull = false;
  #wasOff = false;
  #failures = 0;
  #maxLines = maxLines;
  /** Outcomes that are not noted in the file yet. */
  #done: number[] = [];
  #refused: RefusedRow[] = [];
  #acked = earliestStamp;
  /** Something of the last batch stays in the file before what is over: what follows waits for the disk. */
  #mustSettle = false;
  #offsetMs = 0;

  constructor(store: StoreClient, transport: Transport, options: SenderOptions) {
    this.#store = store;
    this.#transport = transport;
    this.#world = transport.world;
    this.#options = options;
    this.#loop = this.#run();
  }

  /** Hears that the outbox took so many events of about so many bytes. */
  noteWritten(lines: number, bytes: number): void {
    this.#waitingLines += lines;
    this.#waitingBytes += bytes;
    this.#dueMs ??= this.#world.clock.now() + this.#options.lingerMs;
    if (this.#isFull() && this.#failures === 0) this.#wake?.();
  }

  /** While `work` runs nothing lingers, and one attempt is made at once. */
  async hurried<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#draining += 1;
    this.#hurries += 1;
    this.#wake?.();
    try {
      return await work();
    } finally {
      this.#draining -= 1;
    }
  }

  /** Ends after the request that is under way; what waits stays in the file. */
  async stop(): Promise<void> {
    this.#isClosed = true;
    this.#wake?.();
    await this.#loop;
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      const hurries = this.#hurries;
      const waitMs = await this.#round().catch((error: unknown) => this.#failed(error));
      // Nobody was woken by what came meanwhile.
      const isUrgent = this.#hurries > hurries || (this.#isFull() && this.#failures === 0);
      if (waitMs > 0 && !isUrgent && !this.#isClosed) await this.#sleep(waitMs);
    }
  }

  async #sleep(waitMs: number): Promise<void> {
    const { clock } = this.#world;
    await new Promise<void>((resolve) => {
      const timer = clock.setTimeout(resolve, waitMs);
      // The process may end; the file keeps what waits.
      (timer as { unref?(): void }).unref?.();
      this.#wake = () => {
        clock.clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }

  /** Sends what is ready; answers the milliseconds until it is worth while to look again. */
  async #round(): Promise<number> {
    const { lingerMs } = this.#options;
    const isSender = await this.#store.call('lockSender');
    const leftMs = (this.#dueMs ?? 0) - this.#world.clock.now();
    if (leftMs > 0 && this.#draining === 0 && !this.#isFull()) return leftMs;
    this.#dueMs = undefined;
    this.#waitingLines = 0;
    this.#waitingBytes = 0;
    // Another process sends what this one writes, too.
    if (!isSender) return lingerMs;
    if (this.#mustSettle) await this.#settle();
    const found = await this.#store.call('first', this.#done.at(-1) ?? 0, this.#maxLines, maxBodyBytes - 64);
    const { rows, bytes } = found;
    if (this.#done.length === 0) this.#offsetMs = found.offsetMs;
    if (rows.length > 0) return this.#lingers(rows, bytes) ? lingerMs : this.#send(rows);
    if (this.#done.length > 0) await this.#settle();
    await this.#store.call('giveBackPages');
    return lingerMs;
  }

  /** True where a full batch left a rest that is young: it waits for more, as a new batch does. */
  #lingers(rows: readonly Row[], bytes: number): boolean {
    const wasFull = this.#wasFull;
    this.#wasFull = rows.length >= this.#maxLines || bytes >= maxBodyBytes / 2;
    if (!wasFull || this.#wasFull || this.#draining > 0) return false;
    this.#dueMs ??= this.#world.clock.now() + this.#options.lingerMs;
    this.#waitingLines += rows.length;
    this.#waitingBytes += bytes;
    return true;
  }

  async #send(rows: readonly Row[]): Promise<number> {
    const beforeMs = this.#world.now();
    let shipped: Shipped;
    try {
      shipped = await ship(this.#transport, rows);
    } catch (error) {
      if (error instanceof ApiError && (await this.#shrink(rows, error))) return 0;
      throw error;
    }
    this.#learn(shipped, beforeMs);
    await this.#sort(rows, shipped.rejected);
    const { rejected, serverMs } = shipped;
    const off = rejected.find(({ code }) => code === 'stamp_out_of_range');
    if (off !== undefined && serverMs !== undefined) {
      await this.#store.call('stampAnew', serverMs, serverMs - oldestMs, aheadMs);
      this.#options.logger.warn('Sluice: the clock was off, or events are older than 45 days; stamped anew');
    }
    const now = rejected.find(({ code }) => passing.includes(code)) ?? (this.#wasOff ? off : undefined);
    this.#wasOff = off !== undefined;
    if (now !== undefined)
      throw new Unavailable(`Sluice does not take event ${rows[now.index]?.seq} now: ${now.message}`);
    if (this.error !== undefined) this.#options.logger.info('Sluice takes events again');
    this.error = undefined;
    this.isBlocked = false;
    this.#failures = 0;
    this.#maxLines = Math.min(maxLines, this.#maxLines * 2);
    return 0;
  }

  /** Notes what became of each row; those that are refused for now stay. */
  async #sort(rows: readonly Row[], rejected: readonly Rejected[]): Promise<void> {
    const fates = new Map(rejected.map((one) => [one.index, one]));
    for (const [index, row] of rows.entries()) {
      const fate = fates.get(index);
      if (fate === undefined) {
        this.#done.push(row.seq);
        this.sent += 1;
        if (row.stamp > this.#acked) this.#acked = row.stamp;
      } else if (fate.code !== 'stamp_out_of_range' && !passing.includes(fate.code)) {
        this.#refused.push({ ...row, code: String(fate.code), message: String(fate.message) });
      }
    }
    this.#mustSettle = rejected.length > 0;
    await this.#settle();
  }

  /** Sends less at once where a body was too much, or one event makes it unreadable; sets that one aside. */
  async #shrink(rows: readonly Row[], error: ApiError): Promise<boolean> {
    const isSize = error.status === 413;
    const isBody = isSize || ([400, 422].includes(error.status) && error.code !== undefined);
    const [first] = rows;
    if (error instanceof Blocked || !isBody || first === undefined) return false;
    if (rows.length > 1) {
      this.#maxLines = Math.max(1, Math.floor(rows.length / 2));
      return true;
    }
    // Whoever takes so little is not Sluice.
    if (isSize && first.line.length < leastBodyBytes) return false;
    await this.#sort(rows, [{ index: 0, code: error.code ?? 'payload_too_large', message: error.detail }]);
    return true;
  }

  /** Notes outcomes in the file; where the disk refuses that, sending goes on and it is tried again later. */
  async #settle(): Promise<void> {
    const refused = this.#refused;
    const { logger } = this.#options;
    const outcome = {
      done: this.#done,
      acked: this.#acked,
      refused,
      offsetMs: this.#offsetMs,
      atMs: this.#world.now(),
    };
    try {
      await this.#store.call('settle', outcome);
    } catch (error) {
      if (this.#done.length > maxUndeleted || this.#mustSettle) throw error;
      logger.warn(`${messageOf(error)}; acknowledged events are deleted later`);
      return;
    }
    this.#done = [];
    this.#refused = [];
    this.#mustSettle = false;
    for (const row of refused) this.#tell(row, outcome.atMs);
  }

  #tell({ seq: id, ...row }: RefusedRow, refusedAtMs: number): void {
    const { logger, onRefused } = this.#options;
    logger.error(`Sluice refused event ${id} for good: ${row.code}: ${row.message}`);
    // In a microtask of its own: a handler that fails, or takes its time, holds nothing up.
    Promise.resolve({ id, ...row, refusedAtMs })
      .then(onRefused)
      .catch((error: unknown) => logger.error('Sluice: the handler of refused events failed', error));
  }

  /** Keeps the offset of the server's clock within what this exchange proves. */
  #learn({ serverMs }: Shipped, beforeMs: number): void {
    if (serverMs === undefined) return;
    const least = serverMs - this.#world.now();
    this.#offsetMs = Math.round(Math.min(Math.max(this.#offsetMs, least), serverMs - beforeMs));
  }

  #isFull(): boolean {
    return this.#waitingLines >= this.#maxLines || this.#waitingBytes >= maxBodyBytes;
  }

  #failed(error: unknown): number {
    if (this.#isClosed) return 0;
    const message = messageOf(error);
    this.isBlocked =
      error instanceof SluiceError && !(error instanceof Unavailable || error instanceof OutboxError);
    if (message !== this.error) {
      const state = this.isBlocked ? 'stopped sending, and keeps taking events' : 'will try again';
      this.#options.logger[this.isBlocked ? 'error' : 'warn'](`Sluice's sender ${state}: ${message}`);
    }
    this.error = message;
    const askedMs = error instanceof Unavailable ? (error.retryAfterMs ?? 0) : 0;
    const limits = { firstMs: firstBackoffMs, maxMs: this.#options.maxBackoffMs };
    this.#failures += 1;
    return backoffMs(this.#world, this.#failures - 1, limits, Math.min(askedMs, maxRetryAfterMs));
  }
}
