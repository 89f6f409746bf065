import { prices } from '../../local/bill/prices.ts';

const gib = 1024 ** 3;

/** The largest file that fits into a document, with everything else in it. */
const maxInlineBytes = 1_000_000;

/** About what a file's document takes without its bytes. */
const metadataBytes = 450;

interface MixCost {
  firestoreBytes: number;
  /** Storing them: once. */
  onceDollars: number;
  /** Keeping them. */
  monthDollars: number;
}

/** 1,000 sizes, the same each time: 80 % under 50 KB, 15 % to 1 MB, 5 % to 30 MB, each even over the logarithm. */
export function mixOfSizes(): number[] {
  const classes = [
    { count: 800, from: 1_000, to: 50_000 },
    { count: 150, from: 50_000, to: 1_000_000 },
    { count: 50, from: 1_000_000, to: 30_000_000 },
  ];
  return classes.flatMap(({ count, from, to }) =>
    Array.from({ length: count }, (_, index) => Math.round(from * (to / from) ** ((index + 0.5) / count))),
  );
}

/** The cost of such files where those up to a threshold are stored in Firestore. */
export function costOfMix(sizes: readonly number[], thresholdBytes: number): MixCost {
  let firestoreBytes = 0;
  let storageBytes = 0;
  let onceDollars = 0;
  for (const size of sizes) {
    firestoreBytes += metadataBytes;
    onceDollars += prices.firestoreWrite;
    if (size <= Math.min(thresholdBytes, maxInlineBytes)) firestoreBytes += size;
    else {
      storageBytes += size;
      // The object, and the event that makes its document.
      onceDollars += prices.storageClassA + prices.functionRequest + prices.tasksOperation * 2;
    }
  }
  const monthDollars =
    (firestoreBytes / gib) * prices.firestoreGibMonth + (storageBytes / 1e9) * prices.storageGbMonth;
  return { firestoreBytes, onceDollars, monthDollars };
}

/** The threshold at which the mix costs least over so many months. */
export function bestThreshold(sizes: readonly number[], months: number): number {
  const total = (threshold: number): number => {
    const { onceDollars, monthDollars } = costOfMix(sizes, threshold);
    return onceDollars + monthDollars * months;
  };
  return [0, ...sizes].reduce((best, size) => (total(size) < total(best) ? size : best));
}
