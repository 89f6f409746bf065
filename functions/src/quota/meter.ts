import { countReads, type DocumentStore } from '../platform/documents.ts';

/** Firestore operations as they are billed. */
export interface Operations {
  reads: number;
  writes: number;
  deletes: number;
}

/** Billed Firestore operations of this process, by the cause that each call names. */
export class OperationMeter {
  readonly #byCause = new Map<string, Operations>();

  count(cause: string, { reads = 0, writes = 0, deletes = 0 }: Partial<Operations>): void {
    const sum = this.#byCause.get(cause) ?? { reads: 0, writes: 0, deletes: 0 };
    this.#byCause.set(cause, {
      reads: sum.reads + reads,
      writes: sum.writes + writes,
      deletes: sum.deletes + deletes,
    });
  }

  byCause(): Record<string, Operations> {
    return Object.fromEntries(this.#byCause);
  }
}

/**
 * Counts every billed operation: the one way to Firestore for the rest of Sluice. A call that fails counts in full,
 * because what it asked for may have been done: the meter can over-count, never under-count. `open` is called at the
 * first operation, and again after it failed.
 */
export function meteredDocuments(open: () => Promise<DocumentStore>, meter: OperationMeter): DocumentStore {
  let opened: Promise<DocumentStore> | undefined;
  const store = async (): Promise<DocumentStore> => {
    opened ??= open();
    try {
      return await opened;
    } catch (error) {
      opened = undefined;
      throw error;
    }
  };
  return {
    read: async (paths, cause) => {
      const documents = await store();
      meter.count(cause, { reads: paths.length });
      return documents.read(paths, cause);
    },
    commit: async (writes, cause) => {
      const documents = await store();
      const deletes = writes.filter(({ changes }) => changes === 'deleted').length;
      meter.count(cause, { writes: writes.length - deletes, deletes });
      return documents.commit(writes, cause);
    },
    query: async (query, cause) => {
      const documents = await store();
      let billedReads = 1;
      try {
        const result = await documents.query(query, cause);
        ({ billedReads } = result);
        return result;
      } finally {
        meter.count(cause, { reads: billedReads });
      }
    },
    count: async (query, cause) => {
      const documents = await store();
      let reads = 1;
      try {
        const count = await documents.count(query, cause);
        reads = countReads(count);
        return count;
      } finally {
        meter.count(cause, { reads });
      }
    },
  };
}
