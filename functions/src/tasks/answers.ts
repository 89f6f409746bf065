import type { MinerResponse } from '../events/event.ts';
import type { Stamp } from '../events/stamp.ts';
import { type Answer, countsAlways, type Stamped, type TaskState } from './state.ts';

/** An answer as readers see it: one for each miner. */
export interface ShownAnswer extends Stamped<MinerResponse> {
  /**
   * The stamp from which the miner has answered, as far as the task is concerned; undefined where
   * its answer does not count.
   */
  countsFrom: Stamp | undefined;
  /** The answer that counts if the miner is named, where another of the same miner counts in any case. */
  superseded?: Stamped<MinerResponse> | undefined;
}

/** A {@link ShownAnswer} that counts. */
export type CountedAnswer = ShownAnswer & { countsFrom: Stamp };

/**
 * A task's answers, one for each miner, earliest first. What a proxy sent counts, and is shown before what a key of the
 * same miner sent; what a miner's key sent counts for those miners that the latest `assigned_miners` names, or for all
 * where that names none.
 */
export function answersOf(state: TaskState): ShownAnswer[] {
  const counts = counting(state);
  const shown = new Map<number, ShownAnswer>();
  for (const answer of answersByStamp(state)) {
    const { stamp, value } = answer;
    const uid = value.miner_uid;
    const earlier = shown.get(uid);
    const countsFrom = earlier?.countsFrom ?? (counts(answer) ? stamp : undefined);
    if (earlier === undefined) shown.set(uid, { value, stamp, countsFrom });
    else if (countsAlways(answer)) shown.set(uid, { value, stamp, countsFrom, superseded: earlier });
    else shown.set(uid, { ...earlier, countsFrom, superseded: { value, stamp } });
  }
  return [...shown.values()];
}

/** The answers that count, by the time from which they do. */
export function countedAnswers(state: TaskState): CountedAnswer[] {
  return answersOf(state)
    .filter((answer): answer is CountedAnswer => answer.countsFrom !== undefined)
    .sort((a, b) => (a.countsFrom < b.countsFrom ? -1 : 1));
}

/** All answers that a task holds, earliest first. */
export function answersByStamp({ responses }: TaskState): Answer[] {
  return [...responses.values()].sort((a, b) => (a.stamp < b.stamp ? -1 : 1));
}

/** The miners that a value of `assigned_miners` names. */
export function namedMiners(value: unknown): number[] {
  return Array.isArray(value) ? value.filter((uid) => Number.isSafeInteger(uid) && uid >= 0) : [];
}

/** True where an answer does not count now, though with other miners named it may have counted. */
export function hasUncounted(state: TaskState): boolean {
  const counts = counting(state);
  return [...state.responses.values()].some((answer) => !counts(answer));
}

function counting({ fields }: TaskState): (answer: Answer) => boolean {
  const assigned = new Set(namedMiners(fields.get('assigned_miners')?.value));
  return (answer) => countsAlways(answer) || assigned.size === 0 || assigned.has(answer.value.miner_uid);
}
