import type { Coefficients } from './coefficients.ts';
import { type Bill, billOf, monthOf, type Traffic } from './month.ts';

/** A change of the settings, with the dollars a month that it saves. */
interface Change {
  what: string;
  savedList: number;
  savedAfterFree: number;
}

/** Changes with the bill of all of them together. */
export interface Advice {
  /** Each by itself, those that save something, the most first. */
  changes: Change[];
  /** The bill once all are made that only concern the settings and the proxy. */
  together: Bill;
}

export function adviceFor(traffic: Traffic, coefficients: Coefficients): Advice {
  const listTotal = (changed: Traffic): number => billOf(monthOf(changed, coefficients)).list.total;
  let best = traffic;
  for (const { changed, isMiners = false } of candidates(traffic)) {
    const next = { ...best, ...changed };
    if (!isMiners && listTotal(next) < listTotal(best)) best = next;
  }
  return { changes: changesFor(traffic, coefficients), together: billOf(monthOf(best, coefficients)) };
}

function changesFor(traffic: Traffic, coefficients: Coefficients): Change[] {
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

interface Candidate {
  what: string;
  changed: Partial<Traffic>;
  /** The miners' to make. */
  isMiners?: boolean;
}

function candidates(traffic: Traffic): Candidate[] {
  const { batchSeconds, profile, miners, pollsPerMinute, pollCacheSeconds, excludesRequestLogs } = traffic;
  const found: Candidate[] = [];
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
  if (!excludesRequestLogs) {
    found.push({
      what: 'exclude the request logs from Cloud Logging (docs/cost.md)',
      changed: { excludesRequestLogs: true },
    });
  }
  if (miners * pollsPerMinute > 0) {
    if (pollCacheSeconds < 30) {
      found.push({
        what: 'POLL_CACHE_SECONDS=30 (a new task is seen up to so much later)',
        changed: { pollCacheSeconds: 30 },
      });
    }
    found.push({
      what: 'let miners poll half as often',
      changed: { pollsPerMinute: pollsPerMinute / 2 },
      isMiners: true,
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

/** Another is cheaper only if its cost is below this share: what was measured differs by as much from run to run. */
const cheaperShare = 0.98;

/** The cheapest of several monthly costs over the tasks of a day, between 1 and 10 M. */
export function cheapestRanges(costs: Readonly<Record<string, (tasksPerDay: number) => number>>): Range[] {
  const cheapestAt = (at: number): string => {
    const [first = ''] = Object.keys(costs).toSorted((a, b) => costAt(a, at) - costAt(b, at));
    return first;
  };
  const costAt = (name: string, at: number): number => costs[name]?.(at) ?? 0;
  const isBeaten = (name: string, at: number): boolean =>
    costAt(cheapestAt(at), at) < costAt(name, at) * cheaperShare;
  const ranges: Range[] = [];
  let name = cheapestAt(steps.least);
  const count = Math.round(Math.log10(steps.most / steps.least) * steps.perDecade);
  for (let step = 1; step <= count; step += 1) {
    const at = steps.least * 10 ** (step / steps.perDecade);
    if (!isBeaten(name, at)) continue;
    const before = steps.least * 10 ** ((step - 1) / steps.perDecade);
    ranges.push({ name, upToTasksPerDay: turningPoint((place) => isBeaten(name, place), before, at) });
    name = cheapestAt(at);
  }
  return [...ranges, { name, upToTasksPerDay: Number.POSITIVE_INFINITY }];
}

/** The place between two at which something begins to be so. */
function turningPoint(isSo: (place: number) => boolean, from: number, to: number): number {
  let [low, high] = [from, to];
  while (high / low > 1.001) {
    const middle = Math.sqrt(low * high);
    if (isSo(middle)) high = middle;
    else low = middle;
  }
  return low;
}
