import { Button } from '../ui/button.tsx';
import { Moment } from '../ui/moment.tsx';
import { isStale } from './feed.ts';
import type { ViewProps } from './panel.ts';

/** Tells of when the figures are, and asks for new ones. */
export function Freshness({ feed, nowMs, refresh }: ViewProps) {
  const isOld = feed.failure !== undefined || isStale(feed, nowMs);
  return (
    <p class={isOld ? 'freshness old' : 'freshness'}>
      {feed.status === undefined ? (
        'No figures yet'
      ) : (
        <>
          Figures of <Moment ms={feed.readAtMs} nowMs={nowMs} seconds />
        </>
      )}
      <Button kind="quiet" onClick={() => refresh()} label="Ask now">
        ↻
      </Button>
    </p>
  );
}
