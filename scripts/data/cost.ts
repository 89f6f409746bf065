/** Billed operations of a command. */
export interface Cost {
  firestore_reads: number;
  tasks_operations: number;
  storage_class_a: number;
  storage_class_b: number;
}

export function noCost(): Cost {
  return { firestore_reads: 0, tasks_operations: 0, storage_class_a: 0, storage_class_b: 0 };
}

/** The cost in words. */
export function shownCost(cost: Cost): string {
  const { firestore_reads: reads, tasks_operations: tasks, storage_class_a: a, storage_class_b: b } = cost;
  return `${reads} Firestore reads, ${tasks} Cloud Tasks operations, Storage ${a} class A and ${b} class B`;
}
