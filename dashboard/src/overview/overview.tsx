import type { ViewProps } from '../app/panel.ts';
import { tiles } from '../panels/index.ts';
import { compact, number } from '../ui/format.ts';
import { Tile } from '../ui/tile.tsx';

/** The figures of the status. */
export function Overview(props: ViewProps) {
  const { status } = props.feed;
  if (status === undefined) return null;
  const queued = status.backlog?.queued_carriers;
  return (
    <dl class="tiles">
      <Tile title="Carriers that wait" value={compact(queued)} exact={number(queued)} />
      {tiles.map((Extra, index) => (
        <Extra key={index} {...props} />
      ))}
    </dl>
  );
}
