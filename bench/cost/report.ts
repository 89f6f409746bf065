import type { Costs } from '../../local/bill/bill.ts';
import { type PlainWay, plainWays } from '../shared/plain.ts';
import { dollars, tableLines } from '../shared/table.ts';
import { type Advice, adviceFor, cheapestRanges, type Range } from './advice.ts';
import { type Coefficients, type Way, ways } from './coefficients.ts';
import { type Bill, billOf, eventsPerSecond, eventsPerTask, monthOf, type Traffic } from './month.ts';
import { plainMonth } from './plain.ts';

/** Findings on a traffic. */
interface CostReport {
  traffic: Traffic;
  eventsPerSecond: number;
  measured: string;
  bill: Bill;
  /** Bills of the other ways for the same traffic. */
  ways: { name: string; bill: Bill }[];
  plain: Record<PlainWay, Bill>;
  /** The cheapest over the tasks of a day, by list price: of Sluice's ways one by one, in batches, and of all. */
  cheapest: { oneByOne: Range[]; inBatches: Range[]; ofAll: Range[] };
  advice: Advice;
}

function nameOf({ batchSeconds, profile }: Way): string {
  const sent = batchSeconds === 0 ? 'one by one' : `batches of ${batchSeconds} s`;
  return `${sent}, ${profile} profile`;
}

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
  const costCurves = (of: readonly Way[]): Record<string, (tasksPerDay: number) => number> =>
    Object.fromEntries(
      of.map((way) => [nameOf(way), (tasksPerDay) => sluice({ tasksPerDay, ...way }).list.total]),
    );
  const plainCosts = Object.fromEntries(
    plainWays.map((way) => [plainNames[way], (tasksPerDay: number) => plainOf(way, tasksPerDay).list.total]),
  );
  return {
    traffic,
    eventsPerSecond: eventsPerSecond(traffic),
    measured: coefficients.measured,
    bill: sluice({}),
    ways: ways.map((way) => ({ name: nameOf(way), bill: sluice(way) })),
    plain: {
      'a server of its own': plainOf('a server of its own'),
      functions: plainOf('functions'),
      BulkWriter: plainOf('BulkWriter'),
    },
    cheapest: {
      oneByOne: cheapestRanges(costCurves(ways.filter(({ batchSeconds }) => batchSeconds === 0))),
      inBatches: cheapestRanges(costCurves(ways.filter(({ batchSeconds }) => batchSeconds > 0))),
      ofAll: cheapestRanges({ ...costCurves(ways), ...plainCosts }),
    },
    advice: adviceFor(traffic, coefficients),
  };
}

/** Bills of a month at each rate of events a second, all day, as a Markdown table: list price / after free amounts. */
export function rateTable(traffic: Traffic, rates: readonly number[], coefficients: Coefficients): string[] {
  const perDay = (rate: number): number =>
    (rate * traffic.hoursADay * 3600) / eventsPerTask(traffic.responsesPerTask);
  const shown = ({ list, afterFree }: Bill): string => `${short(list.total)} / ${short(afterFree.total)}`;
  const rows = rates.map((rate) => {
    const asked = { ...traffic, tasksPerDay: perDay(rate) };
    const sluice = ways.map((way) => billOf(monthOf({ ...asked, ...way }, coefficients)));
    const plain = plainWays.map((way) => billOf(plainMonth(way, asked)));
    return [String(rate), count(asked.tasksPerDay), ...[...sluice, ...plain].map(shown)];
  });
  const header = ['events/s', 'tasks a day', ...ways.map(nameOf), ...plainWays];
  return [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
}

function short(amount: number): string {
  return amount >= 100 ? count(amount) : amount.toFixed(2);
}

/** The report in lines for a terminal. */
export function linesOf(report: CostReport): string[] {
  const { bill, plain, cheapest, advice } = report;
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
    'Cheapest by list price, one by one:',
    ...cheapest.oneByOne.map(rangeLine),
    'in batches (an event waits in the proxy until its batch is sent):',
    ...cheapest.inBatches.map(rangeLine),
    'of all:',
    ...cheapest.ofAll.map(rangeLine),
    '',
    ...adviceLines(advice),
    '',
    `Measured: ${report.measured}`,
  ];
}

function adviceLines({ changes, together }: Advice): string[] {
  if (changes.length === 0) return ['No change of the settings saves anything.'];
  return [
    'What to change, each by itself:',
    ...changes.map(
      ({ what, savedList, savedAfterFree }) =>
        `  saves ${dollars(savedList)} (after free amounts ${dollars(savedAfterFree)}): ${what}`,
    ),
    `All of the settings and the proxy together: ${dollars(together.list.total)} at list price, ` +
      `${dollars(together.afterFree.total)} after free amounts.`,
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
