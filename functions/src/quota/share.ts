/**
 * One holder's fair part of a limit: what it wants where that is little, else as much as every other that wants more
 * than there is for each (max-min fairness). `others`: what the others want.
 */
export function fairShare(limit: number, wanted: number, others: readonly number[]): number {
  let left = limit;
  let sharers = others.length + 1;
  for (const other of others.toSorted((a, b) => a - b)) {
    const level = left / sharers;
    if (other >= level || wanted <= other) break;
    left -= other;
    sharers -= 1;
  }
  return Math.min(wanted, left / sharers);
}
