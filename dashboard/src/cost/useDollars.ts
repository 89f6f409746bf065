import { useMemo } from 'preact/hooks';
import coefficients from '../../../bench/coefficients.json' with { type: 'json' };
import type { Coefficients } from '../../../bench/cost/coefficients.ts';
import type { ViewProps } from '../feed/view.ts';
import { type Dollars, dollarsOf } from './dollars.ts';

/** The estimate of the latest answer; undefined where the history is not known. */
export function useDollars({ feed }: Pick<ViewProps, 'feed'>): Dollars | undefined {
  const history = feed.status?.quota_monitor?.history;
  return useMemo(
    () => (history ? dollarsOf(history, feed.readAtMs, coefficients as unknown as Coefficients) : undefined),
    [history, feed.readAtMs],
  );
}
