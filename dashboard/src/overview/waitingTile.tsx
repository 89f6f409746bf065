import type { ViewProps } from '../feed/view.ts';
import { Button } from '../ui/button.tsx';
import { compact, counted, duration, number } from '../ui/format.ts';
import { Moment } from '../ui/moment.tsx';
import { Tile } from '../ui/tile.tsx';
import { oldestAgeMs } from './verdict.ts';

/** The queue: how much waits, how old the oldest event is, and when the next is written. */
export function WaitingTile({ feed, nowMs, refresh }: ViewProps) {
  const { backlog } = feed.status ?? {};
  const queued = backlog?.queued_carriers;
  const ageMs = oldestAgeMs(feed, nowMs);
  const nextMs = Date.parse(backlog?.next_dispatch_at ?? '');
  return (
    <Tile title="Carriers that wait" value={compact(queued)} exact={number(queued)}>
      <span class="note">
        {queued === 0 && 'The queue is empty.'}
        {queued !== 0 && ageMs !== undefined && `The oldest event is ${duration(ageMs)} old. `}
        {queued !== 0 && Number.isFinite(nextMs) && (
          <>
            Next at <Moment ms={nextMs} nowMs={nowMs} seconds />.
          </>
        )}
        {inside(feed)}
      </span>
      {queued !== 0 && ageMs === undefined && (
        <Button onClick={() => refresh({ detail: true })}>Look inside</Button>
      )}
    </Tile>
  );
}

/** A sentence on the events in the carriers, where they were just opened. */
function inside({ status, detail }: ViewProps['feed']): string {
  const responses = detail?.status.response_aggregator?.buffered_responses;
  const operations = detail?.status.batch_manager?.total_buffered_operations;
  if (status?.backlog?.queued_carriers === 0 || typeof responses !== 'number') return '';
  const atMost = detail?.status.backlog?.is_exact === false ? 'at least ' : '';
  return ` Inside: ${atMost}${counted(responses, 'answer')}${operations ? `, ${counted(operations, 'operation')}` : ''}.`;
}
