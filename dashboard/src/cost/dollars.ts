import {
  type AmountsByCause,
  type Coefficients,
  sumOfCauses,
  totalOf,
} from '../../../bench/cost/coefficients.ts';
import { type PlainWay, plainWays } from '../../../bench/shared/plain.ts';
import { afterFree, costsOf } from '../../../local/bill/bill.ts';
import type { History } from '../feed/status.ts';
import { unknown } from '../ui/format.ts';
import { amountsOfUse, idleAmounts, plainAmountsOfUse, scaled } from './meter.ts';
import { noUse, plusUse, type Use } from './use.ts';

/** Causes of cost as the page names them, with those of the measured coefficients that belong to each. */
const causes: readonly { name: string; of: RegExp }[] = [
  { name: 'Firestore', of: /Firestore$/ },
  { name: 'Accepting', of: /^(ingest|api)\b/ },
  { name: 'Writing', of: /^(flush|expire|filed)\b/ },
  { name: 'Queue', of: /^Cloud Tasks$/ },
  { name: 'Polls', of: /^polls: (?!Firestore)/ },
  { name: 'Logs', of: /^logs$/ },
  { name: 'Bucket and traffic', of: /^(Cloud Storage|Hosting and egress)$/ },
  { name: 'Schedules and secrets', of: /./ },
];

/** Dollars by list prices. */
export interface Bill {
  total: number;
  /** In the order of the causes, those that cost nothing too. */
  byCause: { name: string; dollars: number }[];
  /** The same events the plain ways. */
  plain: Record<PlainWay, number>;
}

/** Sluice's own meter, an estimate. */
export interface Dollars {
  today: Bill;
  /** `afterFree`: beyond what is free each month. */
  month: Bill & { afterFree: number };
  /** The whole month, if the rest of it goes as the last 24 hours did. */
  projected: { total: number; afterFree: number };
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Amounts of a time, Sluice's and the plain ways'. */
interface Part {
  sluice: AmountsByCause;
  plain: Record<PlainWay, AmountsByCause>;
}

/**
 * Estimates what was used in dollars. Today's use is taken as even over the hours that had some, that of the days
 * before over as large a share of their time as the last 24 hours had.
 */
export function dollarsOf(history: History, nowMs: number, coefficients: Coefficients): Dollars {
  const { hours, today, month } = history;
  const [dayStartMs, monthStartMs] = [Date.parse(today.start), Date.parse(month.start)];
  const busySince = (sinceMs: number): number => busySeconds(hours, sinceMs, nowMs);
  const idle = (fromMs: number, toMs: number): AmountsByCause =>
    idleAmounts(Math.max(0, toMs - fromMs) / 1000, coefficients);
  const partOf = (use: Use, seconds: number): Part => ({
    sluice: amountsOfUse(use, seconds, coefficients),
    plain: ofEach((way) => plainAmountsOfUse(way, use, seconds)),
  });

  const dayPart = partOf(today, busySince(dayStartMs));
  const earlier = plusUse(month, today, -1);
  const busyShare = Math.max(hourMs / 1000, busySince(nowMs - dayMs)) / (dayMs / 1000);
  const earlierPart = partOf(earlier, (Math.max(0, dayStartMs - monthStartMs) / 1000) * busyShare);
  // Where nothing was used before today, nothing was deployed either: an idle Sluice reads its ledger.
  const since = isSome(earlier) ? monthStartMs : dayStartMs;
  const monthAmounts = sumOfCauses(dayPart.sluice, earlierPart.sluice, idle(since, nowMs));

  const lastUse = hours.reduce((sum, hour) => plusUse(sum, hour), noUse);
  const oldestMs = Math.min(nowMs - dayMs, ...hours.map(({ start }) => Date.parse(start)));
  const endMs = monthAfter(monthStartMs);
  const lastPart = amountsOfUse(lastUse, busySince(oldestMs), coefficients);
  const timesMore = Math.max(0, endMs - nowMs) / (nowMs - oldestMs);
  const projected = sumOfCauses(monthAmounts, scaled(lastPart, timesMore), idle(nowMs, endMs));
  return {
    today: billOf({ ...dayPart, sluice: sumOfCauses(dayPart.sluice, idle(dayStartMs, nowMs)) }),
    month: {
      ...billOf({
        sluice: monthAmounts,
        plain: ofEach((way) => sumOfCauses(dayPart.plain[way], earlierPart.plain[way])),
      }),
      afterFree: billedOf(monthAmounts),
    },
    projected: { total: listOf(projected), afterFree: billedOf(projected) },
  };
}

/** Dollars in as many digits as tell something: `$0.0012`, `$0.12`, `$1,234`. */
export function shownDollars(dollars: number): string {
  // Another version's history may lack what is asked for here.
  if (!Number.isFinite(dollars)) return unknown;
  if (dollars > 0 && dollars < 0.0001) return '< $0.0001';
  const digits = dollars >= 100 ? 0 : dollars >= 0.1 || dollars === 0 ? 2 : dollars >= 0.01 ? 3 : 4;
  return dollars.toLocaleString('en-US', {
    style: 'currency',
    currency: 'USD',
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** Seconds of the hours since a time in which something was used, up to now. */
function busySeconds(hours: History['hours'], sinceMs: number, nowMs: number): number {
  return hours
    .map(({ start }) => Date.parse(start))
    .filter((startMs) => startMs + hourMs > sinceMs)
    .reduce((sum, startMs) => sum + Math.max(60, Math.min(hourMs, nowMs - startMs) / 1000), 0);
}

function isSome({ writes, reads, deletes, counts }: Use): boolean {
  return [writes, reads, deletes, ...Object.values(counts)].some((count) => count > 0);
}

function monthAfter(startMs: number): number {
  const start = new Date(startMs);
  return start.setUTCMonth(start.getUTCMonth() + 1);
}

function billOf({ sluice, plain }: Part): Bill {
  const dollars = new Map(causes.map(({ name }) => [name, 0]));
  for (const [cause, amounts] of Object.entries(sluice)) {
    const name = causes.find(({ of }) => of.test(cause))?.name ?? '';
    dollars.set(name, (dollars.get(name) ?? 0) + listOf({ [cause]: amounts }));
  }
  return {
    total: listOf(sluice),
    byCause: [...dollars].map(([name, of]) => ({ name, dollars: of })),
    plain: ofEach((way) => listOf(plain[way])),
  };
}

const listOf = (amounts: AmountsByCause): number => costsOf(totalOf(amounts)).total;
const billedOf = (amounts: AmountsByCause): number => costsOf(afterFree(totalOf(amounts))).total;

function ofEach<Value>(of: (way: PlainWay) => Value): Record<PlainWay, Value> {
  return Object.fromEntries(plainWays.map((way) => [way, of(way)])) as Record<PlainWay, Value>;
}
