import type { Database } from './database.ts';
import type { DocumentVersion, Entry } from './entries.ts';
import { invalidArgument, StatusError } from './errors.ts';
import { documentPath } from './names.ts';
import type { QueryPlan } from './plan.ts';
import { runQuery } from './query.ts';
import { wireDocument } from './reads.ts';
import { isInRange, matchRow } from './rows.ts';
import type { Micros } from './times.ts';
import type { ListenRequest, ListenResponse, Target, TargetChange } from './wire.ts';

/** TargetChange.TargetChangeType */
const change = { none: 0, add: 1, remove: 2, current: 3, reset: 4 } as const;

/** A target of a listener: the documents it watches, and the state that the client was last told. */
interface Watched {
  readonly id: number;
  /** Versions by entry, so that a document that is deleted and made again is the same one. */
  readonly told: Map<Entry, DocumentVersion>;
  /** True where a commit that changed this document can matter. */
  concerns(entry: Entry): boolean;
  /** Returns the target's documents now, given those that a commit changed (undefined: found from scratch). */
  next(changed: readonly Entry[] | undefined): Map<Entry, DocumentVersion>;
  readonly select: readonly string[] | undefined;
  /** Names that do not exist are reported once, at the start. */
  missing(): string[];
}

function watchDocuments(database: Database, id: number, names: readonly string[]): Watched {
  const paths = new Set(names.map((name) => documentPath(database.root, name)));
  return {
    id,
    told: new Map(),
    select: undefined,
    concerns: (entry) => paths.has(entry.path),
    next() {
      const found = new Map<Entry, DocumentVersion>();
      for (const path of paths) {
        const entry = database.store.entry(path);
        if (entry?.current !== undefined) found.set(entry, entry.current);
      }
      return found;
    },
    missing: () =>
      names.filter((name) => database.store.current(documentPath(database.root, name)) === undefined),
  };
}

function watchQuery(database: Database, id: number, plan: QueryPlan): Watched {
  const told = new Map<Entry, DocumentVersion>();
  const bounded = plan.offset > 0 || plan.limit < Number.POSITIVE_INFINITY;
  return {
    id,
    told,
    select: plan.select,
    concerns: (entry) => isInRange(plan, entry),
    next(changed) {
      if (changed === undefined || bounded) {
        const { rows } = runQuery(database.store, plan, undefined, database.examined);
        return new Map(rows.map(({ entry, version }) => [entry, version]));
      }
      const found = new Map(told);
      for (const entry of changed) {
        const row = matchRow(plan, entry, entry.current);
        if (row === undefined) found.delete(entry);
        else found.set(entry, row.version);
      }
      return found;
    },
    missing: () => [],
  };
}

function watch(database: Database, { targetId, documents, query }: Target): Watched {
  if (documents !== null) return watchDocuments(database, targetId, documents.documents);
  if (query === null) throw invalidArgument('A target has neither a query nor documents.');
  return watchQuery(database, targetId, database.plan(query.parent, query.structuredQuery));
}

/** One Listen stream: sends what its targets hold, then each commit that changes that. */
export class ListenStream {
  readonly #databaseFor: (name: string) => Database;
  readonly #send: (response: ListenResponse) => void;
  readonly #targets = new Map<number, Watched>();
  #database: Database | undefined;
  #stop: (() => void) | undefined;

  constructor(databaseFor: (name: string) => Database, send: (response: ListenResponse) => void) {
    this.#databaseFor = databaseFor;
    this.#send = send;
  }

  request({ database: name, targetChange, addTarget, removeTarget }: ListenRequest): void {
    const database = this.#open(name);
    if (targetChange === 'addTarget' && addTarget !== null) this.#add(database, addTarget);
    else if (targetChange === 'removeTarget') this.#remove(removeTarget);
  }

  close(): void {
    this.#stop?.();
    this.#targets.clear();
  }

  #open(name: string): Database {
    if (this.#database !== undefined) return this.#database;
    const database = this.#databaseFor(name);
    this.#database = database;
    this.#stop = database.onCommit((changed, at) => this.#onCommit(database, changed, at));
    return database;
  }

  #add(database: Database, target: Target): void {
    const id = target.targetId;
    try {
      const watched = watch(database, target);
      this.#targets.set(id, watched);
      this.#sendChange(change.add, [id]);
      if (target.resumeToken.length > 0) this.#sendChange(change.reset, [id]);
      this.#sendFirst(database, watched);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      this.#sendChange(change.remove, [id], { cause: { code: error.code, message: error.message } });
    }
  }

  #sendFirst(database: Database, watched: Watched): void {
    const readTime = database.clock.readTime();
    const { billed } = this.#sendNext(watched, watched.next(undefined), readTime);
    const missing = watched.missing();
    for (const document of missing) {
      this.#send({ documentDelete: { document, removedTargetIds: [watched.id], readTime } });
    }
    database.meter.queryRead(billed + missing.length);
    this.#sendChange(change.current, [watched.id], snapshot(readTime));
    this.#sendChange(change.none, [], snapshot(readTime));
  }

  #remove(id: number): void {
    this.#targets.delete(id);
    this.#sendChange(change.remove, [id]);
  }

  #onCommit(database: Database, changed: readonly Entry[], at: Micros): void {
    let sent = 0;
    for (const watched of this.#targets.values()) {
      const concerned = changed.filter((entry) => watched.concerns(entry));
      if (concerned.length === 0) continue;
      const outcome = this.#sendNext(watched, watched.next(concerned), at);
      database.meter.documentsRead(outcome.billed);
      sent += outcome.sent;
    }
    if (sent > 0) this.#sendChange(change.none, [], snapshot(at));
  }

  /** Tells the client what is different. A document that left is billed if it was changed, not if it was deleted. */
  #sendNext(
    { id, told, select }: Watched,
    next: ReadonlyMap<Entry, DocumentVersion>,
    readTime: Micros,
  ): { sent: number; billed: number } {
    let sent = 0;
    let billed = 0;
    for (const [entry, version] of [...told]) {
      if (next.has(entry)) continue;
      told.delete(entry);
      const left = { document: entry.name, removedTargetIds: [id], readTime };
      this.#send(entry.current === undefined ? { documentDelete: left } : { documentRemove: left });
      sent++;
      if (entry.current !== undefined && entry.current !== version) billed++;
    }
    for (const [entry, version] of next) {
      if (told.get(entry) === version) continue;
      told.set(entry, version);
      const document = wireDocument(entry.name, version, select);
      this.#send({ documentChange: { document, targetIds: [id] } });
      sent++;
      billed++;
    }
    return { sent, billed };
  }

  #sendChange(targetChangeType: number, targetIds: number[], more: Partial<TargetChange> = {}): void {
    this.#send({ targetChange: { targetChangeType, targetIds, ...more } });
  }
}

/** Tokens are opaque to clients; a stream that is resumed starts from scratch (see `reset`). */
function snapshot(readTime: Micros): { readTime: Micros; resumeToken: Uint8Array } {
  return { readTime, resumeToken: Buffer.from(String(readTime)) };
}
