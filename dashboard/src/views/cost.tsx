import { type Bill, shownDollars } from '../cost/dollars.ts';
import { useDollars } from '../cost/useDollars.ts';
import type { ViewProps } from '../feed/view.ts';
import { Moment } from '../ui/moment.tsx';
import { Notice } from '../ui/notice.tsx';
import { Scroll } from '../ui/scroll.tsx';
import { Section } from '../ui/section.tsx';
import { Tile } from '../ui/tile.tsx';
import { Bar } from './bar.tsx';

const plainWays = [
  ['functions', 'The plain way, in functions', 'a function for each event'],
  ['a server of its own', 'The plain way, on a server', 'Firestore alone: the server is not counted'],
  ['BulkWriter', 'BulkWriter, on a server', 'Firestore alone: the server is not counted'],
] as const;

/** Dollars by cause, today's and the month's, beside the plain ways. */
export function Cost(props: ViewProps) {
  const dollars = useDollars(props);
  const history = props.feed.status?.quota_monitor?.history;
  if (dollars === undefined || !history) {
    return <Notice tone="warn">The ledger cannot be read just now, so nobody knows what was used.</Notice>;
  }
  const { today, month, projected } = dollars;
  const start = (iso: string) => <Moment ms={Date.parse(iso)} nowMs={props.nowMs} />;
  return (
    <>
      <dl class="tiles">
        <Tile title="Today" value={shownDollars(today.total)}>
          <p class="note">since {start(history.today.start)}</p>
        </Tile>
        <Tile title="This month" value={shownDollars(month.total)}>
          <p class="note">{shownDollars(month.afterFree)} after free amounts</p>
        </Tile>
        <Tile title="The whole month, if it goes on so" value={shownDollars(projected.total)}>
          <p class="note">{shownDollars(projected.afterFree)} after free amounts</p>
        </Tile>
      </dl>
      <Section
        title="By cause"
        note="Sluice’s own meter, an estimate at list prices: Firestore as counted, the rest as measured for as many events."
      >
        <Table label="Dollars by cause" rows={causeRows(today, month)} />
      </Section>
      <Section
        title="Beside the plain way"
        note="The same events with a write for each, and two reads before each answer."
      >
        <Table label="Dollars of each way" rows={wayRows(today, month)} />
      </Section>
      <details class="card">
        <summary>How it is estimated, and what is left out</summary>
        <ul class="prose">
          <li>
            Writes, reads and deletes are those that instances reported: at little traffic they do so up to
            half an hour late.
          </li>
          <li>
            Instance time, requests, the queue, logs and traffic are as measured for as many events an hour,
            in the default profile, with answers of 1.7 KB, between one request for each event and batches of
            5 s by the events of a carrier.
          </li>
          <li>
            Schedules and secrets are counted from the start of the month, or of today where nothing was used
            before.
          </li>
          <li>
            Polls that Hosting answers from its cache, bytes of files, the reading of tasks, kept data, and
            what else runs in the project are not in it. Nor are polls of that kind in the plain ways.
          </li>
          <li>
            Free amounts are the whole project’s. The bill itself is in Google Cloud’s console;{' '}
            <code>npm run cost</code> tells what other settings would cost.
          </li>
        </ul>
      </details>
    </>
  );
}

interface Row {
  name: string;
  note?: string;
  today: number;
  month: number;
  isStrong?: boolean;
}

function causeRows(today: Bill, month: Bill): Row[] {
  const rows = month.byCause.map(({ name, dollars }, index) => ({
    name,
    today: today.byCause[index]?.dollars ?? 0,
    month: dollars,
  }));
  return rows
    .filter((row) => row.month > 0)
    .sort((a, b) => b.month - a.month)
    .concat({ name: 'All of it', today: today.total, month: month.total });
}

function wayRows(today: Bill, month: Bill): Row[] {
  return [
    { name: 'Sluice', note: 'all of it', today: today.total, month: month.total, isStrong: true },
    ...plainWays.map(([way, name, note]) => ({
      name,
      note,
      today: today.plain[way],
      month: month.plain[way],
    })),
  ];
}

/** Rows with a bar for the month, as long as the row's part of the largest. */
function Table({ label, rows }: { label: string; rows: readonly Row[] }) {
  const most = Math.max(...rows.map(({ month }) => month), Number.MIN_VALUE);
  return (
    <Scroll label={label}>
      <table class="bars">
        <thead>
          <tr>
            <th scope="col">
              <span class="hidden">Name</span>
            </th>
            <th scope="col" class="right">
              Today
            </th>
            <th scope="col" class="right">
              This month
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, note, today, month, isStrong }) => (
            <tr key={name} class={isStrong ? 'strong' : undefined}>
              <th scope="row">
                {name}
                {note !== undefined && <span class="note"> {note}</span>}
                <Bar share={month / most} />
              </th>
              <td class="right">{shownDollars(today)}</td>
              <td class="right">{shownDollars(month)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
