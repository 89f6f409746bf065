import { isStale } from '../feed/feed.ts';
import type { ViewProps } from '../feed/view.ts';
import { Button } from '../ui/button.tsx';
import { duration } from '../ui/format.ts';
import { Icon } from '../ui/icon.tsx';
import { Moment } from '../ui/moment.tsx';

/** Tells of when the figures are, and asks for new ones. */
export function Freshness({ feed, nowMs, refresh }: ViewProps) {
  const isOld = feed.failure !== undefined || isStale(feed, nowMs);
  return (
    <div class={isOld ? 'freshness old' : 'freshness'}>
      {feed.status !== undefined && (
        <p title={feed.failure?.message}>
          <span class="wide">{isOld ? 'Figures are ' : 'Figures of '}</span>
          {isOld ? (
            `${duration(nowMs - feed.readAtMs)} old`
          ) : (
            <Moment ms={feed.readAtMs} nowMs={nowMs} seconds />
          )}
        </p>
      )}
      <Button kind="quiet" onClick={() => refresh()} label="Ask for new figures">
        <Icon name="refresh" />
      </Button>
    </div>
  );
}
