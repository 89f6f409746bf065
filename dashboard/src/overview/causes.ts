import { type BilledType, billedTypes, type QuotaMonitor } from '../feed/status.ts';
import type { Unknown } from '../ui/format.ts';

/** A cause of operations, and how many it took today. */
interface Cause {
  name: string;
  operations: Record<BilledType, number>;
  total: number;
}

/** The causes with the most operations today; undefined where the ledger cannot be read. */
export function topCauses(quota: Unknown<QuotaMonitor>, most: number): Cause[] | undefined {
  if (!quota?.by_cause) return undefined;
  return Object.entries(quota.by_cause)
    .map(([name, operations]) => ({
      name: name.replaceAll('_', ' '),
      operations,
      total: billedTypes.reduce((sum, type) => sum + (operations[type] ?? 0), 0),
    }))
    .sort((a, b) => b.total - a.total)
    .slice(0, most);
}
