import type { Joining } from './groupCommit.ts';
import { enoughRequests, lingerMsPerRate, rateMs } from './limits.ts';

/** Linger of a group of requests, in milliseconds: at least, and at most. */
export interface LingerBounds {
  lingerMs: number;
  lingerMaxMs: number;
}

/**
 * A linger that grows with the rate at which requests overlap, as long as a group lacks company: sharing a carrier
 * saves two queue operations, and an instance that serves others meanwhile costs nothing more. Requests are counted,
 * not events: those of one request share its carrier whatever it waits. One that comes while no other is pending is not
 * counted either, so that a caller who sends one after the other never waits longer, however fast.
 */
export function growingLinger({ lingerMs, lingerMaxMs }: LingerBounds): (arrival: Joining) => number {
  const leastMs = Math.min(lingerMs, lingerMaxMs);
  /** Requests of the last moments, each worth less the longer ago it came. */
  let recent = 0;
  let countedMs = 0;
  return ({ nowMs, items, overlaps }) => {
    recent *= Math.exp(Math.min(0, countedMs - nowMs) / rateMs);
    countedMs = nowMs;
    if (overlaps) recent += 1;
    if (items >= enoughRequests) return leastMs;
    const perSecond = (recent * 1000) / rateMs;
    return Math.max(leastMs, Math.min(lingerMaxMs, Math.round(lingerMsPerRate * perSecond)));
  };
}
