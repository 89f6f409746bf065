import type { Coefficients } from './coefficients.ts';
import { billOf, monthOf, type Traffic } from './month.ts';

/** A change of the settings, with the dollars a month that it saves. */
export interface Change {
  what: string;
  savedList: number;
  savedAfterFree: number;
}

/** The changes that save something, each by itself, the most first. */
export function changesFor(traffic: Traffic, coefficients: Coefficients): Change[] {
  const now = billOf(monthOf(traffic, coefficients));
  return candidates(traffic)
    .map(({ what, changed }): Change => {
      const bill = billOf(monthOf({ ...traffic, ...changed }, coefficients));
      return {
        what,
        savedList: now.list.total - bill.list.total,
        savedAfterFree: now.afterFree.total - bill.afterFree.total,
      };
    })
    .filter(({ savedList }) => savedList >= 0.005)
    .toSorted((a, b) => b.savedList - a.savedList);
}

function candidates(traffic: Traffic): { what: string; changed: Partial<Traffic> }[] {
  const { batchSeconds, profile, miners, pollsPerMinute, pollCacheSeconds, excludesPollLogs } = traffic;
  const found: { what: string; changed: Partial<Traffic> }[] = [];
  if (batchSeconds < 5) {
    found.push({
      what: 'let the proxy send what came in 5 s as one POST /v1/events',
      changed: { batchSeconds: 5 },
    });
  }
  if (profile === 'default') {
    found.push({
      what: 'PROFILE=small (its largest burst: docs/sizes.md)',
      changed: { profile: 'small' },
    });
  } else found.push({ what: 'PROFILE=default', changed: { profile: 'default' } });
  if (miners * pollsPerMinute > 0) {
    if (pollCacheSeconds < 30) {
      found.push({
        what: 'POLL_CACHE_SECONDS=30 (a new task is seen up to so much later)',
        changed: { pollCacheSeconds: 30 },
      });
    }
    if (!excludesPollLogs) {
      found.push({
        what: "exclude the polls' request logs from Cloud Logging",
        changed: { excludesPollLogs: true },
      });
    }
    found.push({
      what: 'let miners poll half as often',
      changed: { pollsPerMinute: pollsPerMinute / 2 },
    });
  }
  return found;
}

/** The cheapest way up to a number of tasks a day; the last one's is infinite. */
export interface Range {
  name: string;
  upToTasksPerDay: number;
}

const steps = { least: 1, most: 10_000_000, perDecade: 20 };

/**
 * The cheapest of several monthly costs over the tasks of a day, between 1 and 10 M. Ranges that are cheapest for
 * less than a step of 12 % may be missed.
 */
export function cheapestRanges(costs: Readonly<Record<string, (tasksPerDay: number) => number>>): Range[] {
  const cheapest = (tasksPerDay: number): string => {
    const [first = ''] = Object.entries(costs)
      .map(([name, cost]): [string, number] => [name, cost(tasksPerDay)])
      .reduce((best, next) => (next[1] < best[1] ? next : best));
    return String(first);
  };
  const ranges: Range[] = [];
  const count = Math.round(Math.log10(steps.most / steps.least) * steps.perDecade);
  let before = { at: steps.least, name: cheapest(steps.least) };
  for (let step = 1; step <= count; step += 1) {
    const at = steps.least * 10 ** (step / steps.perDecade);
    const name = cheapest(at);
    if (name !== before.name) {
      ranges.push({ name: before.name, upToTasksPerDay: lastOf(before.name, cheapest, before.at, at) });
    }
    before = { at, name };
  }
  return [...ranges, { name: before.name, upToTasksPerDay: Number.POSITIVE_INFINITY }];
}

/** The last number between two at which the cheapest is the same as at the first. */
function lastOf(name: string, cheapest: (at: number) => string, from: number, to: number): number {
  let [low, high] = [from, to];
  while (high / low > 1.001) {
    const middle = Math.sqrt(low * high);
    if (cheapest(middle) === name) low = middle;
    else high = middle;
  }
  return low;
}
