import type { ComponentChildren } from 'preact';
import { unknown } from './format.ts';

interface TileProps {
  title: string;
  /** The figure; large. */
  value: string;
  /** Unit, or the exact figure, for who hovers. */
  exact?: string;
  children?: ComponentChildren;
}

/** One figure with a word on it: an item of a `dl` of class `tiles`. */
export function Tile({ title, value, exact, children }: TileProps) {
  return (
    <div class="tile">
      <dt>{title}</dt>
      <dd>
        <span class={value === unknown ? 'figure unknown' : 'figure'} title={exact}>
          {value}
        </span>
        {children}
      </dd>
    </div>
  );
}
