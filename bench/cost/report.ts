import type { Costs } from '../../local/bill/bill.ts';
import { type PlainWay, plainWays } from '../shared/plain.ts';
import { dollars, tableLines } from '../shared/table.ts';
import { type Change, changesFor, cheapestRanges, type Range } from './advice.ts';
import type { BatchSeconds, Coefficients, ProfileName } from './coefficients.ts';
import { type Bill, billOf, eventsPerSecond, eventsPerTask, monthOf, type Traffic } from './month.ts';
import { plainMonth } from './plain.ts';

/** Findings on a traffic. */
export interface CostReport {
  traffic: Traffic;
  eventsPerSecond: number;
  measured: string;
  bill: Bill;
  /** Bills of the other ways for the same traffic. */
  ways: { name: string; bill: Bill }[];
  plain: Record<PlainWay, Bill>;
  /** The cheapest way to send to Sluice, over the tasks of a day, by list price. */
  cheapestWay: Range[];
  /** The cheapest of Sluice's ways and the plain ones. */
  cheapestOfAll: Range[];
  changes: Change[];
}

const ways: readonly { name: string; batchSeconds: BatchSeconds; profile: ProfileName }[] = [
  { name: 'one by one, default profile', batchSeconds: 0, profile: 'default' },
  { name: 'one by one, small profile', batchSeconds: 0, profile: 'small' },
  { name: 'batches of 2 s, default profile', batchSeconds: 2, profile: 'default' },
  { name: 'batches of 5 s, default profile', batchSeconds: 5, profile: 'default' },
  { name: 'batches of 5 s, small profile', batchSeconds: 5, profile: 'small' },
];

const plainNames: Readonly<Record<PlainWay, string>> = {
  'a server of its own': 'plain way, a server of its own *',
  functions: 'plain way, in functions',
  BulkWriter: 'BulkWriter, a server of its own *',
};

export function reportOn(traffic: Traffic, coefficients: Coefficients): CostReport {
  const sluice = (changed: Partial<Traffic>): Bill =>
    billOf(monthOf({ ...traffic, ...changed }, coefficients));
  const plainOf = (way: PlainWay, tasksPerDay = traffic.tasksPerDay): Bill =>
    billOf(plainMonth(way, { ...traffic, tasksPerDay }));
  const ownCosts = Object.fromEntries(
    ways.map(({ name, batchSeconds, profile }) => [
      name,
      (tasksPerDay: number) => sluice({ tasksPerDay, batchSeconds, profile }).list.total,
    ]),
  );
  const plainCosts = Object.fromEntries(
    plainWays.map((way) => [plainNames[way], (tasksPerDay: number) => plainOf(way, tasksPerDay).list.total]),
  );
  return {
    traffic,
    eventsPerSecond: eventsPerSecond(traffic),
    measured: coefficients.measured,
    bill: sluice({}),
    ways: ways.map(({ name, ...way }) => ({ name, bill: sluice(way) })),
    plain: {
      'a server of its own': plainOf('a server of its own'),
      functions: plainOf('functions'),
      BulkWriter: plainOf('BulkWriter'),
    },
    cheapestWay: cheapestRanges(ownCosts),
    cheapestOfAll: cheapestRanges({ ...ownCosts, ...plainCosts }),
    changes: changesFor(traffic, coefficients),
  };
}

/** The report in lines for a terminal. */
export function linesOf(report: CostReport): string[] {
  const { traffic, bill, plain, changes } = report;
  return [
    ...trafficLines(report),
    '',
    ...table(
      ['dollars a month', 'list', 'after free'],
      [
        { name: 'Sluice, as asked', bill },
        ...report.ways.map(({ name, bill }) => ({ name: `Sluice, ${name}`, bill })),
        ...plainWays.map((way) => ({ name: plainNames[way], bill: plain[way] })),
      ].map(({ name, bill: { list, afterFree } }) => [name, list.total, afterFree.total] as const),
    ),
    '  * Firestore alone: what the server costs is not counted.',
    '',
    ...serviceLines(bill),
    '',
    ...table(['by cause', 'list'], Object.entries(bill.byCause)),
    '',
    'Cheapest way to send to Sluice, by list price:',
    ...report.cheapestWay.map(rangeLine),
    'Cheapest of all:',
    ...report.cheapestOfAll.map(rangeLine),
    '',
    changes.length === 0 ? 'No change of the settings saves anything.' : 'What to change, each by itself:',
    ...changes.map(
      ({ what, savedList, savedAfterFree }) =>
        `  saves ${dollars(savedList)} (after free amounts ${dollars(savedAfterFree)}): ${what}`,
    ),
    ...(traffic.batchSeconds > 0 ? ['Batches: an event waits in the proxy until its batch is sent.'] : []),
    '',
    `Measured: ${report.measured}`,
  ];
}

function trafficLines({ traffic, eventsPerSecond }: CostReport): string[] {
  const { tasksPerDay, responsesPerTask, responseBytes, hoursADay, batchSeconds, profile } = traffic;
  const events = tasksPerDay * eventsPerTask(responsesPerTask);
  const sent = batchSeconds === 0 ? 'one by one' : `in batches of ${batchSeconds} s`;
  const { miners, pollsPerMinute, pollBytes, pollCacheSeconds } = traffic;
  return [
    `${count(tasksPerDay)} tasks a day with ${responsesPerTask} responses of ${count(responseBytes)} bytes: ` +
      `${count(events)} events a day, ${Number(eventsPerSecond.toPrecision(3))} a second` +
      `${hoursADay < 24 ? ` in ${hoursADay} hours` : ''}; ${sent}, profile ${profile}`,
    miners * pollsPerMinute === 0
      ? 'no polls'
      : `${miners} miners poll ${pollsPerMinute} times a minute, answers of ${count(pollBytes)} bytes, ` +
        `POLL_CACHE_SECONDS=${pollCacheSeconds}`,
  ];
}

function serviceLines({ list, afterFree }: Bill): string[] {
  const names = (Object.keys(list) as (keyof Costs)[]).filter((name) => list[name] > 0);
  return table(
    ['by service', 'list', 'after free'],
    names.map((name) => [name, list[name], afterFree[name]] as const),
  );
}

function table(header: string[], rows: readonly (readonly [string, ...number[]])[]): string[] {
  return tableLines(
    header,
    rows.map(([name, ...amounts]) => [name, ...amounts.map(dollars)]),
  ).map((line) => `  ${line}`);
}

function rangeLine({ name, upToTasksPerDay }: Range, index: number, all: readonly Range[]): string {
  const before = all[index - 1]?.upToTasksPerDay;
  const from = before === undefined ? '' : `from ${count(before)} `;
  const to = Number.isFinite(upToTasksPerDay) ? `to ${count(upToTasksPerDay)} ` : '';
  return `  ${from === '' && to === '' ? 'at every number of tasks' : `${from}${to}tasks a day`}: ${name}`;
}

/** Three digits are as much as the measuring is worth. */
function count(value: number): string {
  const rounded = value >= 1000 ? Number(value.toPrecision(3)) : Number(value.toFixed(1));
  return rounded.toLocaleString('en-US');
}
