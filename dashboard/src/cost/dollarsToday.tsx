import type { ViewProps } from '../feed/view.ts';
import { unknown } from '../ui/format.ts';
import { Tile } from '../ui/tile.tsx';
import { shownDollars } from './dollars.ts';
import { useDollars } from './useDollars.ts';

/** Today's dollars on the overview. */
export function DollarsToday(props: ViewProps) {
  const dollars = useDollars(props);
  if (dollars === undefined) return <Tile title="Dollars today, estimated" value={unknown} />;
  const { today, month } = dollars;
  return (
    <Tile title="Dollars today, estimated" value={shownDollars(today.total)}>
      <p class="note">
        <a href="#/cost">{shownDollars(month.total)} this month</a>
      </p>
    </Tile>
  );
}
