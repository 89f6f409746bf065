import type { BilledType, QuotaMonitor } from '../feed/status.ts';
import type { Unknown } from '../ui/format.ts';

export const spans = ['per_second', 'per_minute', 'per_day'] as const;
type Span = (typeof spans)[number];

/** Operations of one type in one span, against what is granted of them. */
export interface Meter {
  span: Span;
  used: number | undefined;
  /** Undefined where it is not known, null where there is none. */
  limit: number | null | undefined;
  /** The part of the limit that is used, from 0 on; undefined where either is not known, or there is no limit. */
  share: number | undefined;
  /** `near` from 80 % on; of a day's budget `full` from 90 % on, when Sluice slows down. */
  level: 'calm' | 'near' | 'full';
}

const nearShare = 0.8;
const fullShare = 0.9;

/** The three meters of a type of operation. */
export function metersOf(quota: Unknown<QuotaMonitor>, type: BilledType): Meter[] {
  return spans.map((span) => {
    const used = quota?.current_usage?.[type]?.[span];
    const limit = limitOf(quota, type, span);
    const charged = span === 'per_day' ? quota?.charged_today?.[type] : undefined;
    // A day's budget is charged when operations are granted, which is somewhat before they are done.
    const counting = Math.max(used ?? 0, charged ?? 0);
    const share = used === undefined || !limit ? undefined : counting / limit;
    return { span, used, limit, share, level: levelOf(share ?? 0, span) };
  });
}

function limitOf(quota: Unknown<QuotaMonitor>, type: BilledType, span: Span): number | null | undefined {
  const limits = span === 'per_day' ? quota?.quota_limits : quota?.rate_limits;
  return limits?.[`${type}_${span}`];
}

function levelOf(share: number, span: Span): Meter['level'] {
  if (span === 'per_day' && share >= fullShare) return 'full';
  return share >= nearShare ? 'near' : 'calm';
}
