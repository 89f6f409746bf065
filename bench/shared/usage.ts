import type { StackUsage } from '../../local/control/index.ts';

/** The usage of so many times as much of the same. */
export function scaled(usage: StackUsage, factor: number): StackUsage {
  return combined(usage, usage, (amount) => amount * factor);
}

export function sum(a: StackUsage, b: StackUsage): StackUsage {
  return combined(a, b, (x, y) => x + y);
}

export function difference(a: StackUsage, b: StackUsage): StackUsage {
  return combined(a, b, (x, y) => x - y);
}

function combined(a: StackUsage, b: StackUsage, of: (x: number, y: number) => number): StackUsage {
  return {
    firestore: {
      reads: of(a.firestore.reads, b.firestore.reads),
      writes: of(a.firestore.writes, b.firestore.writes),
      deletes: of(a.firestore.deletes, b.firestore.deletes),
    },
    tasks: { operations: of(a.tasks.operations, b.tasks.operations) },
    storage: {
      class_a: of(a.storage.class_a, b.storage.class_a),
      class_b: of(a.storage.class_b, b.storage.class_b),
    },
    functions: {
      requests: of(a.functions.requests, b.functions.requests),
      active_s: of(a.functions.active_s, b.functions.active_s),
    },
  };
}
