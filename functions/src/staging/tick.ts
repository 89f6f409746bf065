/** The next moment at which carriers are due: a multiple of `tickMs` later than `nowMs`, so that they meet. */
export function nextTickMs(nowMs: number, tickMs: number): number {
  return (Math.floor(nowMs / tickMs) + 1) * tickMs;
}
