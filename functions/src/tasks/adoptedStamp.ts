import { earliestStamp, type Stamp } from '../events/stamp.ts';

/** True for a stamp that was made for something that another system had written. */
export function isAdoptedStamp(stamp: Stamp): boolean {
  return stamp.endsWith(adoptedSuffix);
}

const adoptedSuffix = '0'.repeat(12);

/** The first stamp of a moment; the earliest of all where none is known. */
export function adoptedStamp(at: unknown): Stamp {
  return at instanceof Date ? at.getTime().toString(36).padStart(9, '0') + adoptedSuffix : earliestStamp;
}
