/** Findings of a benchmark, beside what it printed. */
export interface BenchReport {
  name: string;
  figures: Record<string, number>;
  /** Targets that count gates hold against: what was missed, in words. */
  missed: string[];
}

export interface Target {
  name: string;
  value: number;
  /** The most that meets the target; the least, when `atLeast` is set. */
  limit: number;
  atLeast?: boolean;
}

/** Prints each target with its figure; returns those that were missed. */
export function printTargets(targets: readonly Target[]): string[] {
  const missed: string[] = [];
  for (const { name, value, limit, atLeast = false } of targets) {
    const isMet = atLeast ? value >= limit : value <= limit;
    const line = `${name}: ${round(value)} (${atLeast ? '≥' : '≤'} ${limit})`;
    console.log(`  ${isMet ? 'met   ' : 'MISSED'}  ${line}`);
    if (!isMet) missed.push(line);
  }
  return missed;
}

export function round(value: number, digits = 3): number {
  return Number(value.toFixed(digits));
}
