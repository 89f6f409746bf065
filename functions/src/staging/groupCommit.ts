import type { Clock } from '../platform/clock.ts';
import { AppError } from '../platform/errors.ts';
import { currentOrigins, duringAll, type Origins } from '../platform/origin.ts';

/** More is pending than the buffer holds; the same submission may be taken a moment later. */
export class BufferFull extends AppError {
  constructor() {
    super('unavailable', 'Too much is being written at the moment; send it again.', { retryAfterSeconds: 1 });
  }
}

export interface GroupCommitOptions<Item> {
  maxItems: number;
  maxBytes: number;
  /** Time from a group's first item until it goes, in milliseconds; asked as each item arrives, the first too. */
  linger(arrival: Joining): number;
  /** Groups written at once; a group that is due meanwhile goes on gathering. */
  maxInFlight: number;
  /** Bytes of items not settled yet; past that they are refused. */
  maxPendingBytes: number;
  /**
   * The time that a group may take after its first item; past that it is over, whatever comes of it: its items are
   * rejected with `late`, and where it is being written another may be.
   */
  deadline?: { ms: number; late: () => Error };
  clock: Clock;
  /** Writes a group and tells each item's outcome, in their order. */
  write(items: readonly Item[]): Promise<readonly PromiseSettledResult<void>[]>;
}

/** The moment at which an item joins a group. */
export interface Joining {
  nowMs: number;
  /** When the group's first item came. */
  startedMs: number;
  /** Items in the group, with this one. */
  items: number;
  /** True where others are pending, in this group or being written. */
  overlaps: boolean;
}

interface Waiting<Item> {
  item: Item;
  origins: Origins;
  resolve(): void;
  reject(reason: unknown): void;
}

interface Group<Item> {
  waiting: Waiting<Item>[];
  bytes: number;
  startedMs: number;
  dueMs: number;
  /** Timers: until it is due, and until it is over. */
  linger?: unknown;
  deadline?: unknown;
  isDue: boolean;
  isOver: boolean;
}

/** Lets concurrent submissions share one write: a group goes when it is full or has lingered. Every item settles. */
export class GroupCommitter<Item> {
  readonly #options: GroupCommitOptions<Item>;
  /** The group that gathers. */
  #group: Group<Item> | undefined;
  #pendingBytes = 0;
  #pending = 0;
  #inFlight = 0;

  constructor(options: GroupCommitOptions<Item>) {
    this.#options = options;
  }

  /** Resolves once the item's group is written. @throws BufferFull; what `write` rejected the item with. */
  submit(item: Item, bytes: number): Promise<void> {
    const { maxBytes, maxItems, maxPendingBytes } = this.#options;
    if (this.#pendingBytes + bytes > maxPendingBytes && this.#pendingBytes > 0) {
      return Promise.reject(new BufferFull());
    }
    if (this.#group !== undefined && this.#group.bytes + bytes > maxBytes) this.#setDue(this.#group);
    return new Promise((resolve, reject) => {
      this.#group ??= this.#newGroup();
      const group = this.#group;
      const overlaps = this.#pending > 0;
      group.waiting.push({ item, origins: currentOrigins(), resolve, reject });
      group.bytes += bytes;
      this.#pendingBytes += bytes;
      this.#pending += 1;
      this.#linger(group, overlaps);
      if (group.waiting.length >= maxItems || group.bytes >= maxBytes) this.#setDue(group);
    });
  }

  /** Sets when a group goes, which what arrived may have moved. A clock that is put right delays none further. */
  #linger(group: Group<Item>, overlaps: boolean): void {
    const { clock, linger } = this.#options;
    const { startedMs, waiting } = group;
    const nowMs = clock.now();
    const lingerMs = linger({ nowMs, startedMs, items: waiting.length, overlaps });
    if (group.isDue || startedMs + lingerMs === group.dueMs) return;
    group.dueMs = startedMs + lingerMs;
    clock.clearTimeout(group.linger);
    if (group.dueMs <= nowMs) this.#setDue(group);
    else group.linger = clock.setTimeout(() => this.#setDue(group), Math.min(lingerMs, group.dueMs - nowMs));
  }

  /** One deadline for all of a group, as each of its requests would start one within the same few milliseconds. */
  #newGroup(): Group<Item> {
    const { clock, deadline } = this.#options;
    const startedMs = clock.now();
    const group: Group<Item> = { waiting: [], bytes: 0, startedMs, dueMs: -1, isDue: false, isOver: false };
    if (deadline !== undefined) {
      const end = (): void => this.#end(group, ({ reject }) => reject(deadline.late()));
      group.deadline = clock.setTimeout(end, deadline.ms);
    }
    return group;
  }

  #setDue(group: Group<Item>): void {
    this.#options.clock.clearTimeout(group.linger);
    group.isDue = true;
    this.#start();
  }

  #start(): void {
    const group = this.#group;
    if (!group?.isDue || this.#inFlight >= this.#options.maxInFlight) return;
    this.#group = undefined;
    this.#inFlight += 1;
    void this.#write(group);
  }

  async #write(group: Group<Item>): Promise<void> {
    let outcomes: readonly PromiseSettledResult<void>[] = [];
    let failure: unknown = new Error('A group was written without an outcome for each item.');
    try {
      const items = group.waiting.map(({ item }) => item);
      const origins = group.waiting.flatMap((one) => one.origins);
      outcomes = await duringAll(origins, () => this.#options.write(items));
    } catch (error) {
      failure = error;
    }
    this.#end(group, ({ resolve, reject }, index) => {
      const outcome = outcomes[index] ?? { status: 'rejected', reason: failure };
      if (outcome.status === 'fulfilled') resolve();
      else reject(outcome.reason);
    });
  }

  /** Settles every item and frees the group's place and bytes. Only the first time. */
  #end(group: Group<Item>, settle: (waiting: Waiting<Item>, index: number) => void): void {
    if (group.isOver) return;
    group.isOver = true;
    this.#options.clock.clearTimeout(group.linger);
    this.#options.clock.clearTimeout(group.deadline);
    this.#pendingBytes -= group.bytes;
    this.#pending -= group.waiting.length;
    if (group === this.#group) this.#group = undefined;
    else this.#inFlight -= 1;
    group.waiting.forEach(settle);
    this.#start();
  }
}
