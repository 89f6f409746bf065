import { aborted, type StatusError } from './errors.ts';

/** Modes of a lock on a document: any number share it to read, one alone writes. */
export type LockMode = 'shared' | 'exclusive';

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
  readonly mode: LockMode;
  /** True where the owner already shares the lock, so that nobody else can write before. */
  readonly upgrades: boolean;
  readonly granted: Promise<void>;
  readonly grant: () => void;
  readonly refuse: (reason: unknown) => void;
}

interface Lock {
  readonly holders: Map<LockOwner, LockMode>;
  /** Upgrades first, then the oldest owner. */
  readonly queue: Wait[];
}

export function newLockOwner(age: number): LockOwner {
  return { age, held: new Set(), waits: new Set(), ended: undefined };
}

/**
 * Locks by document path, shared or exclusive. Who waits is served by age, so a transaction that was tried before goes
 * ahead of newer ones and, of those in a deadlock, the youngest is aborted: the oldest always gets on, however heavy
 * the contention. Nobody shares a lock past an older one who waits to write.
 */
export class LockTable {
  readonly #locks = new Map<string, Lock>();
  #waiting = 0;

  /** Calls that wait for a lock now. */
  get waiting(): number {
    return this.#waiting;
  }

  /** True where nobody holds any of these. */
  isFree(keys: Iterable<string>): boolean {
    if (this.#locks.size === 0) return true;
    for (const key of keys) if (this.#locks.has(key)) return false;
    return true;
  }

  /**
   * Takes the locks, in the order of their names, waiting where needed. Resolves to whether it had to wait.
   * @throws StatusError ABORTED when the owner was chosen to end a deadlock; the reason of `signal` when it fires.
   */
  async acquire(
    owner: LockOwner,
    keys: Iterable<string>,
    mode: LockMode,
    signal: AbortSignal,
  ): Promise<boolean> {
    let waited = false;
    for (const key of [...new Set(keys)].sort()) {
      if (owner.ended !== undefined) throw owner.ended;
      const lock = this.#lock(key);
      const has = lock.holders.get(owner);
      if (has === 'exclusive' || has === mode) continue;
      const { wait, place } = this.#placed(lock, key, owner, mode);
      if (place === 0 && isGrantable(lock, wait)) {
        hold(lock, wait);
        // Who waits for this lock now waits for its new owner, who may wait for another one.
        if (lock.queue.length > 0) this.#endDeadlocks(owner);
      } else {
        waited = true;
        await this.#wait(lock, wait, place, signal);
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
    for (const key of owner.held) {
      this.#locks.get(key)?.holders.delete(owner);
      this.#serve(key);
    }
    owner.held.clear();
  }

  #lock(key: string): Lock {
    const lock = this.#locks.get(key) ?? { holders: new Map(), queue: [] };
    this.#locks.set(key, lock);
    return lock;
  }

  async #wait(lock: Lock, wait: Wait, place: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { owner } = wait;
    if (!owner.waits.has(wait)) {
      lock.queue.splice(place, 0, wait);
      owner.waits.add(wait);
    }
    const cancel = () => {
      this.#leave(wait);
      wait.refuse(signal.reason);
    };
    signal.addEventListener('abort', cancel, { once: true });
    this.#waiting++;
    try {
      if (owner.held.size > 0 || owner.waits.size > 1) this.#endDeadlocks(owner);
      await wait.granted;
    } finally {
      this.#waiting--;
      signal.removeEventListener('abort', cancel);
    }
  }

  /** The owner's wait that would serve, or a new one, and its place in the queue. */
  #placed(lock: Lock, key: string, owner: LockOwner, mode: LockMode): { wait: Wait; place: number } {
    const known = lock.queue.findIndex(
      (wait) => wait.owner === owner && (wait.mode === mode || wait.mode === 'exclusive'),
    );
    const same = lock.queue[known];
    if (same !== undefined) return { wait: same, place: known };
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const upgrades = lock.holders.has(owner);
    const wait: Wait = { key, owner, mode, upgrades, granted: promise, grant: resolve, refuse: reject };
    const behind = lock.queue.findIndex((other) => isAhead(wait, other));
    return { wait, place: behind === -1 ? lock.queue.length : behind };
  }

  #leave(wait: Wait): void {
    wait.owner.waits.delete(wait);
    const queue = this.#locks.get(wait.key)?.queue ?? [];
    const place = queue.indexOf(wait);
    if (place === -1) return;
    queue.splice(place, 1);
    this.#serve(wait.key);
  }

  /** Grants the lock to those at the head of the queue who can have it together. */
  #serve(key: string): void {
    const lock = this.#locks.get(key);
    if (lock === undefined) return;
    for (let [next] = lock.queue; next !== undefined && isGrantable(lock, next); [next] = lock.queue) {
      lock.queue.shift();
      next.owner.waits.delete(next);
      hold(lock, next);
      next.grant();
    }
    if (lock.holders.size === 0) this.#locks.delete(key);
  }

  /** Aborts the youngest in each circle of those who wait for each other that `owner` is in. */
  #endDeadlocks(owner: LockOwner): void {
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
      for (const [holder, mode] of lock.holders) {
        if (holder !== owner && conflicts(wait.mode, mode)) yield holder;
      }
      for (const ahead of lock.queue) {
        if (ahead === wait) break;
        if (ahead.owner !== owner && conflicts(wait.mode, ahead.mode)) yield ahead.owner;
      }
    }
  }
}

function conflicts(one: LockMode, other: LockMode): boolean {
  return one === 'exclusive' || other === 'exclusive';
}

function isAhead(wait: Wait, other: Wait): boolean {
  if (wait.upgrades !== other.upgrades) return wait.upgrades;
  return wait.owner.age < other.owner.age;
}

function isGrantable({ holders }: Lock, { owner, mode }: Wait): boolean {
  for (const [holder, held] of holders) if (holder !== owner && conflicts(mode, held)) return false;
  return true;
}

function hold({ holders }: Lock, { key, owner, mode }: Wait): void {
  holders.set(owner, mode);
  owner.held.add(key);
}

function pathTo(owner: LockOwner, cameFrom: ReadonlyMap<LockOwner, LockOwner>): LockOwner[] {
  const path: LockOwner[] = [];
  for (let at: LockOwner | undefined = owner; at !== undefined; at = cameFrom.get(at)) path.push(at);
  return path;
}
