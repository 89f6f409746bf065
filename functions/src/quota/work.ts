/**
 * The kinds of work that are counted, each once it is done: answers that a task has now, tasks that were created,
 * changes of tasks' fields, operations on other documents, carriers that a flush worked off, polls that reached a
 * function, and files that are stored.
 */
export const workTypes = [
  'responses',
  'tasks',
  'changes',
  'operations',
  'carriers',
  'polls',
  'files',
] as const;
export type WorkType = (typeof workTypes)[number];

/** Numbers of work done, by kind; those that are not named are none. A later version may name others. */
export type Work = Readonly<Record<string, number>>;

/** Work as this version counts it. */
export type CountedWork = Readonly<Partial<Record<WorkType, number>>>;

export const noWork: Work = {};

/** Adds work; kinds that nobody here knows stay. */
export function plusWork(a: Work, b: Work): Work {
  const sum = new Map(Object.entries(a));
  for (const [type, count] of Object.entries(b)) if (count > 0) sum.set(type, (sum.get(type) ?? 0) + count);
  return Object.fromEntries(sum);
}
