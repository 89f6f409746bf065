import { compact, number } from '../ui/format.ts';
import { Tile } from '../ui/tile.tsx';
import { barsPath, type Figure, type Hour, sumOf } from './hours.ts';

interface HourTileProps {
  title: string;
  hours: readonly Hour[] | undefined;
  figure: Figure;
}

/** The sum of the latest 24 hours, with a bar for each. */
export function HourTile({ title, hours, figure }: HourTileProps) {
  const sum = hours && sumOf(hours, figure);
  const path =
    hours === undefined
      ? ''
      : barsPath(
          hours.map((hour) => hour[figure]),
          120,
          28,
        );
  return (
    <Tile title={title} value={compact(sum)} exact={number(sum)}>
      <svg class={`spark ${figure}`} viewBox="0 0 120 28" preserveAspectRatio="none" aria-hidden="true">
        <path class="bars" d={path} />
        <path class="base" d="M0 27.5h120" />
      </svg>
      <span class="note">in the last 24 hours</span>
    </Tile>
  );
}
