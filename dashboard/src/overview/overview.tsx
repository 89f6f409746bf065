import { DollarsToday } from '../cost/dollarsToday.tsx';
import type { ViewProps } from '../feed/view.ts';
import { Causes } from './causesSection.tsx';
import { FirstSteps } from './firstSteps.tsx';
import { latestHours } from './hours.ts';
import { HoursSection } from './hoursSection.tsx';
import { HourTile } from './hourTile.tsx';
import { Operations } from './operations.tsx';
import { isFresh } from './verdict.ts';
import { WaitingTile } from './waitingTile.tsx';
import { Warnings } from './warnings.tsx';

/** The figures of the status, from the most to the least asked for. */
export function Overview(props: ViewProps) {
  const { feed, nowMs } = props;
  const { status } = feed;
  if (status === undefined) return null;
  const hours = latestHours(status.quota_monitor?.history, nowMs);
  return (
    <>
      {isFresh(status) && <FirstSteps />}
      <dl class="tiles">
        <HourTile title="Answers written" hours={hours} figure="responses" />
        <HourTile title="Tasks created" hours={hours} figure="tasks" />
        <WaitingTile {...props} />
        <DollarsToday {...props} />
      </dl>
      <div class="columns">
        <Operations quota={status.quota_monitor} nowMs={nowMs} />
        <div class="column">
          <Warnings quota={status.quota_monitor} nowMs={nowMs} />
          <Causes quota={status.quota_monitor} />
        </div>
      </div>
      <HoursSection hours={hours} nowMs={nowMs} />
    </>
  );
}
