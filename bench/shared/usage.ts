import type { StackUsage } from '../../local/bill/usage.ts';

/** The usage of nothing. */
export const noUsage: StackUsage = {
  firestore: { reads: 0, writes: 0, deletes: 0 },
  tasks: { operations: 0 },
  storage: { class_a: 0, class_b: 0 },
  functions: {
    requests: 0,
    active_s: 0,
    vcpu_s: 0,
    gib_s: 0,
    egress_bytes: 0,
    log_bytes: 0,
    secret_accesses: 0,
    by_function: {},
  },
  hosting: { requests: 0, hits: 0, bytes: 0 },
  scheduler: { jobs: 0 },
  secrets: { versions: 0 },
};

export function sum(a: StackUsage, b: StackUsage): StackUsage {
  return combined(a, b, (x, y) => x + y);
}

export function difference(a: StackUsage, b: StackUsage): StackUsage {
  return combined(a, b, (x, y) => x - y);
}

/** Sizes of functions, jobs and versions are no amounts: both have the same. */
const same = new Set(['vcpu', 'memory_gib', 'jobs', 'versions']);

function combined<Tree extends object>(a: Tree, b: Tree, of: (x: number, y: number) => number): Tree {
  const [from, to] = [new Map(Object.entries(a)), new Map(Object.entries(b))];
  const entries = [...new Set([...from.keys(), ...to.keys()])].map((key) => {
    const [x, y] = [from.get(key), to.get(key)];
    if (typeof x === 'object' || typeof y === 'object') return [key, combined(x ?? {}, y ?? {}, of)];
    return [key, same.has(key) ? (x ?? y) : of(x ?? 0, y ?? 0)];
  });
  return Object.fromEntries(entries);
}
