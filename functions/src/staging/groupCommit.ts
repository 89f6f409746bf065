import type { Clock } from '../platform/clock.ts';
import { AppError } from '../platform/errors.ts';

/** More is pending than the buffer holds; the same submission may be taken a moment later. */
export class BufferFull extends AppError {
  constructor() {
    super('unavailable', 'Too much is being written at the moment; send it again.', { retryAfterSeconds: 1 });
  }
}

export interface GroupCommitOptions<Item> {
  maxItems: number;
  maxBytes: number;
  /** How long the first item of a group waits for others. */
  lingerMs: number;
  /** Groups written at once; a group that is due meanwhile goes on gathering. */
  maxInFlight: number;
  /** Bytes of items not settled yet; past that they are refused. */
  maxPendingBytes: number;
  /** How long after its first item a group may take; past that its items are rejected with `late`, whatever comes of it. */
  deadline?: { ms: number; late: () => Error };
  clock: Clock;
  /** Writes a group and tells each item's outcome, in their order. */
  write(items: readonly Item[]): Promise<readonly PromiseSettledResult<void>[]>;
}

interface Waiting<Item> {
  item: Item;
  bytes: number;
  resolve(): void;
  reject(reason: unknown): void;
}

/** Lets concurrent submissions share one write: a group goes when it is full or has lingered. Every item settles. */
export class GroupCommitter<Item> {
  readonly #options: GroupCommitOptions<Item>;
  #group: Waiting<Item>[] = [];
  #groupDeadline: unknown;
  #groupBytes = 0;
  #pendingBytes = 0;
  #inFlight = 0;
  #timer: unknown;
  #isDue = false;

  constructor(options: GroupCommitOptions<Item>) {
    this.#options = options;
  }

  /**
   * Resolves once the item's group is written.
   * @throws BufferFull; what `write` rejected the item with.
   */
  submit(item: Item, bytes: number): Promise<void> {
    const { maxBytes, maxItems, maxPendingBytes, lingerMs, clock } = this.#options;
    if (this.#pendingBytes + bytes > maxPendingBytes && this.#pendingBytes > 0) {
      return Promise.reject(new BufferFull());
    }
    if (this.#group.length > 0 && this.#groupBytes + bytes > maxBytes) this.#setDue();
    return new Promise((resolve, reject) => {
      if (this.#group.length === 0) this.#groupDeadline = this.#startDeadline(this.#group);
      this.#group.push({ item, bytes, resolve, reject });
      this.#groupBytes += bytes;
      this.#pendingBytes += bytes;
      if (this.#group.length >= maxItems || this.#groupBytes >= maxBytes) this.#setDue();
      else if (!this.#isDue) this.#timer ??= clock.setTimeout(() => this.#setDue(), lingerMs);
    });
  }

  /** One timer for all of a group, as each of its requests would start one within the same few milliseconds. */
  #startDeadline(group: readonly Waiting<Item>[]): unknown {
    const { clock, deadline } = this.#options;
    return (
      deadline &&
      clock.setTimeout(() => {
        for (const { reject } of group) reject(deadline.late());
      }, deadline.ms)
    );
  }

  #setDue(): void {
    this.#options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isDue = true;
    this.#start();
  }

  #start(): void {
    if (!this.#isDue || this.#group.length === 0 || this.#inFlight >= this.#options.maxInFlight) return;
    const group = this.#group;
    const groupDeadline = this.#groupDeadline;
    this.#group = [];
    this.#groupBytes = 0;
    this.#isDue = false;
    this.#inFlight += 1;
    void this.#write(group, groupDeadline);
  }

  async #write(group: readonly Waiting<Item>[], groupDeadline: unknown): Promise<void> {
    let outcomes: readonly PromiseSettledResult<void>[] = [];
    let failure: unknown = new Error('A group was written without an outcome for each item.');
    try {
      outcomes = await this.#options.write(group.map(({ item }) => item));
    } catch (error) {
      failure = error;
    }
    this.#options.clock.clearTimeout(groupDeadline);
    this.#inFlight -= 1;
    group.forEach(({ bytes, resolve, reject }, index) => {
      this.#pendingBytes -= bytes;
      const outcome = outcomes[index] ?? { status: 'rejected', reason: failure };
      if (outcome.status === 'fulfilled') resolve();
      else reject(outcome.reason);
    });
    this.#start();
  }
}
