/** A measured value at a place. */
export interface Point {
  at: number;
  value: number;
}

/**
 * The use of a second at a rate, from measured rates and amounts, both by the second: between two of them a power
 * of the rate, below the first and above the last in proportion to it. Never less at a higher rate: measured noise is
 * taken for none.
 */
export function usedAt(points: readonly Point[], rate: number): number {
  const rising = risingOf(points);
  const next = rising.findIndex(({ at }) => at >= rate);
  const above = rising[next === -1 ? rising.length - 1 : next];
  const below = rising[next - 1];
  if (above === undefined) return 0;
  if (next === -1 || below === undefined) return (above.value * rate) / above.at;
  if (below.value === 0) return between(below, above, rate);
  const share = Math.log(rate / below.at) / Math.log(above.at / below.at);
  return below.value * (above.value / below.value) ** share;
}

/** A value on the line through the two points nearest to a place; where there is one, its value. */
export function onLine(points: readonly Point[], place: number): number {
  const sorted = points.toSorted((a, b) => a.at - b.at);
  const next = sorted.findIndex(({ at }) => at >= place);
  const end = Math.max(1, next === -1 ? sorted.length - 1 : next);
  const [below, above] = [sorted[end - 1], sorted[end]];
  if (below === undefined) return 0;
  return above === undefined ? below.value : between(below, above, place);
}

/** Points by their places, none with a smaller value than the one before. */
export function risingOf(points: readonly Point[]): Point[] {
  let most = 0;
  return points
    .toSorted((a, b) => a.at - b.at)
    .map(({ at, value }) => {
      most = Math.max(most, value);
      return { at, value: most };
    });
}

function between(below: Point, above: Point, place: number): number {
  return below.value + ((above.value - below.value) * (place - below.at)) / (above.at - below.at);
}
