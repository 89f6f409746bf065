import { emergencyShare } from './limits.ts';
import type { OperationType } from './operations.ts';

export type LimitType = 'per_second' | 'per_minute' | 'per_day';

/** Use that came near a limit, or went over it. */
export interface QuotaWarning {
  operationType: OperationType;
  limitType: LimitType;
  current: number;
  limit: number;
  atMs: number;
}

/** Whole and tenth percents, as people read them. */
export function percentageOf({ current, limit }: Pick<QuotaWarning, 'current' | 'limit'>): number {
  return limit === 0 ? 100 : Math.round((current / limit) * 1000) / 10;
}

export function isEmergency({ current, limit }: QuotaWarning): boolean {
  return current >= limit * emergencyShare;
}
