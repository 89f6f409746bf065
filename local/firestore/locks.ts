import { aborted, type StatusError } from './errors.ts';

/** Whoever holds locks: a transaction, or a plain write that has to wait. */
export interface LockOwner {
  /** Smaller is older. A transaction that is tried again keeps the age of its first attempt. */
  readonly age: number;
  readonly held: Set<string>;
  readonly waits: Set<Wait>;
  /** Set once the owner lost everything it held; it must not get more. */
  ended: StatusError | undefined;
}

interface Wait {
  readonly key: string;
  readonly owner: LockOwner;
  readonly granted: Promise<void>;
  readonly grant: () => void;
  readonly refuse: (reason: unknown) => void;
}

interface Lock {
  owner: LockOwner;
  /** Oldest owner first. */
  readonly queue: Wait[];
}

export function newLockOwner(age: number): LockOwner {
  return { age, held: new Set(), waits: new Set(), ended: undefined };
}

/**
 * Exclusive locks by document path. Who waits is served by age, so a transaction that was tried before goes ahead of newer
 * ones and, of those in a deadlock, the youngest is aborted: the oldest always gets on, however heavy the contention.
 */
export class LockTable {
  readonly #locks = new Map<string, Lock>();
  #waiting = 0;

  /** Calls that wait for a lock now. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Whether `owner` could take all of these without waiting. */
  isFree(keys: Iterable<string>, owner?: LockOwner): boolean {
    if (this.#locks.size === 0) return true;
    for (const key of keys) {
      const lock = this.#locks.get(key);
      if (lock !== undefined && lock.owner !== owner) return false;
    }
    return true;
  }

  /**
   * Takes the locks, in the order of their names, waiting where needed. Resolves to whether it had to wait.
   * @throws StatusError ABORTED when the owner was chosen to end a deadlock; the reason of `signal` when it fires.
   */
  async acquire(owner: LockOwner, keys: Iterable<string>, signal: AbortSignal): Promise<boolean> {
    let waited = false;
    for (const key of [...new Set(keys)].sort()) {
      if (owner.ended !== undefined) throw owner.ended;
      const lock = this.#locks.get(key);
      if (lock === undefined) {
        this.#locks.set(key, { owner, queue: [] });
        owner.held.add(key);
      } else if (lock.owner !== owner) {
        waited = true;
        await this.#wait(lock, key, owner, signal);
      }
    }
    return waited;
  }

  /** Gives up everything the owner holds or waits for. `reason` is what its waiting calls are told. */
  end(owner: LockOwner, reason: StatusError): void {
    owner.ended = reason;
    for (const wait of [...owner.waits]) {
      this.#leave(wait);
      wait.refuse(reason);
    }
    for (const key of owner.held) this.#passOn(key);
    owner.held.clear();
  }

  async #wait(lock: Lock, key: string, owner: LockOwner, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const known = lock.queue.find((wait) => wait.owner === owner);
    const wait = known ?? this.#enqueue(lock, key, owner);
    const cancel = () => {
      this.#leave(wait);
      wait.refuse(signal.reason);
    };
    signal.addEventListener('abort', cancel, { once: true });
    this.#waiting++;
    try {
      this.#endDeadlocks(owner);
      await wait.granted;
    } finally {
      this.#waiting--;
      signal.removeEventListener('abort', cancel);
    }
  }

  #enqueue(lock: Lock, key: string, owner: LockOwner): Wait {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const wait: Wait = { key, owner, granted: promise, grant: resolve, refuse: reject };
    const behind = lock.queue.findIndex((other) => other.owner.age > owner.age);
    lock.queue.splice(behind === -1 ? lock.queue.length : behind, 0, wait);
    owner.waits.add(wait);
    return wait;
  }

  #leave(wait: Wait): void {
    wait.owner.waits.delete(wait);
    const queue = this.#locks.get(wait.key)?.queue ?? [];
    const place = queue.indexOf(wait);
    if (place !== -1) queue.splice(place, 1);
  }

  #passOn(key: string): void {
    const lock = this.#locks.get(key);
    const next = lock?.queue.shift();
    if (lock === undefined || next === undefined) {
      this.#locks.delete(key);
      return;
    }
    lock.owner = next.owner;
    next.owner.waits.delete(next);
    next.owner.held.add(key);
    next.grant();
  }

  /** A new wait can only close circles through its own owner, and only if somebody can wait for that one. */
  #endDeadlocks(owner: LockOwner): void {
    if (owner.held.size === 0 && owner.waits.size <= 1) return;
    while (owner.ended === undefined) {
      const circle = this.#circle(owner);
      if (circle === undefined) return;
      const youngest = circle.reduce((a, b) => (b.age > a.age ? b : a));
      this.end(youngest, aborted('Deadlock with another transaction. Please retry.'));
    }
  }

  /** The shortest circle of owners waiting for each other that `start` is in. */
  #circle(start: LockOwner): LockOwner[] | undefined {
    const cameFrom = new Map<LockOwner, LockOwner>();
    const frontier = [start];
    for (const owner of frontier) {
      for (const blocker of this.#blockers(owner)) {
        if (blocker === start) return pathTo(owner, cameFrom);
        if (cameFrom.has(blocker)) continue;
        cameFrom.set(blocker, owner);
        frontier.push(blocker);
      }
    }
    return undefined;
  }

  *#blockers(owner: LockOwner): Iterable<LockOwner> {
    for (const wait of owner.waits) {
      const lock = this.#locks.get(wait.key);
      if (lock === undefined) continue;
      yield lock.owner;
      for (const ahead of lock.queue) {
        if (ahead === wait) break;
        yield ahead.owner;
      }
    }
  }
}

function pathTo(owner: LockOwner, cameFrom: ReadonlyMap<LockOwner, LockOwner>): LockOwner[] {
  const path: LockOwner[] = [];
  for (let at: LockOwner | undefined = owner; at !== undefined; at = cameFrom.get(at)) path.push(at);
  return path;
}
