import { isOutage, troubleOf } from './trouble.ts';

/** A dead letter as `GET /v1/dead-letters` lists it; null: it cannot be told. */
export interface Letter {
  id: string;
  reason: string | null;
  detail: string | null;
  /** ISO 8601. */
  at: string;
  kind: string | null;
  target: string | null;
  bytes: number;
}

export interface LetterPage {
  dead_letters: Letter[];
  next_cursor: string | null;
}

export const lettersPerPage = 25;

/** The address of a page. */
export function pathOfPage(cursor: string | undefined): string {
  return `/v1/dead-letters?limit=${lettersPerPage}${cursor === undefined ? '' : `&cursor=${cursor}`}`;
}

const reasons: Readonly<Record<string, string>> = {
  unreadable: 'Not readable',
  unknown_version: 'Of another version',
  too_old: 'Too old',
  refused_by_firestore: 'Refused by Firestore',
  fails_repeatedly: 'Fails repeatedly',
  too_many_responses: 'Too many answers',
  too_many_evaluations: 'Too many evaluations',
};

export function reasonOf({ reason }: Pick<Letter, 'reason'>): string {
  return reason === null ? 'Unknown reason' : (reasons[reason] ?? reason);
}

const kinds: Readonly<Record<string, string>> = {
  created: 'a task',
  patched: 'fields of task',
  response: 'an answer to task',
  evaluated: 'an evaluation of task',
  erased: 'the erasing of a miner’s answer to task',
  deadline: 'the deadline of task',
  operation: 'an operation on',
};

/** Names the event: `an answer to task t-1`. */
export function aboutOf({ kind, target }: Pick<Letter, 'kind' | 'target'>): string {
  if (kind === null) return 'something that this version cannot read';
  const about = kinds[kind] ?? kind;
  if (target === null) return about;
  return kind === 'created' ? `${about}, ${target}` : `${about} ${target}`;
}

/** Names what dropping some letters loses: the first ones by themselves. */
export function lossOf(letters: readonly Letter[]): string[] {
  const named = letters.slice(0, 5).map(aboutOf);
  const more = letters.length - named.length;
  return more === 0 ? named : [...named, `and ${more} more`];
}

/** The result of an action on a letter. */
export type LetterOutcome =
  | { step: 'busy' }
  | { step: 'replayed' }
  | { step: 'dropped' }
  | { step: 'failed'; message: string };

export type Outcomes = ReadonlyMap<string, LetterOutcome>;

/** True for a letter that is still there after this, as far as the page knows. */
export function isThere(outcome: LetterOutcome | undefined): boolean {
  return outcome === undefined || outcome.step === 'failed';
}

const atOnce = 4;

/**
 * Does the same to several letters, some at once, and tells of each how it went. After an answer that says that the
 * back end cannot take more, the rest is not tried, and said to be so.
 */
export async function forEachLetter(
  ids: readonly string[],
  doneStep: 'replayed' | 'dropped',
  work: (id: string) => Promise<unknown>,
  tell: (id: string, outcome: LetterOutcome) => void,
): Promise<{ done: number; failed: number }> {
  const count = { done: 0, failed: 0 };
  let isOver = false;
  const fail = (id: string, message: string): void => {
    count.failed += 1;
    tell(id, { step: 'failed', message });
  };
  for (const id of ids) tell(id, { step: 'busy' });
  const waiting = ids.values();
  const worker = async (): Promise<void> => {
    for (const id of waiting) {
      if (isOver) {
        fail(id, 'Not tried: Sluice could not take more just now.');
        continue;
      }
      try {
        await work(id);
        count.done += 1;
        tell(id, { step: doneStep });
      } catch (error) {
        isOver ||= isOutage(error);
        fail(id, troubleOf(error));
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, ids.length) }, worker));
  return count;
}
