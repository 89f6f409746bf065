/** The fate of one call to a simulated service. */
export type Fate =
  | 'done'
  /** Not done, and the caller is told so. */
  | 'failed'
  /** Done, and the caller is told that it failed: the answer was lost. */
  | 'lost'
  /** Not done, and the caller never hears of it: it died before. */
  | 'died before'
  /** Done, and the caller never hears of it: it died after. */
  | 'died after';

/** Decides what becomes of a call, by the service's operation, such as `documents.commit`. */
export type Decide = (operation: string) => Fate;

export const allDone: Decide = () => 'done';

/** Runs a call's effect as its fate says. */
export async function meet<Result>(fate: Fate, effect: () => Result, failure: () => Error): Promise<Result> {
  if (fate === 'failed') throw failure();
  if (fate === 'died before') return never();
  const result = effect();
  if (fate === 'lost') throw failure();
  return fate === 'died after' ? never() : result;
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
