import type { AnswersErased, MinerResponse } from '../events/event.ts';
import { sha256Hex } from '../platform/ids.ts';
import type { Answer } from './state.ts';

/** The key in the place of those that sent answers which are erased. */
const erasedKey = 'erased';

/** The mark of an erasure: the miner's uid, and the hash of a hotkey where only that one's answers are meant. */
export function markOf({ minerUid, hotkeySha256 }: AnswersErased): string {
  return hotkeySha256 === undefined ? String(minerUid) : `${minerUid}/${hotkeySha256}`;
}

/**
 * Empties the answers that the marks mean, and returns the objects of their bodies. What is left says that there was
 * an answer, and when: it keeps its place, so that no repetition of it comes back, and what it decided stays decided.
 */
export function eraseAnswers(responses: Map<string, Answer>, marks: ReadonlySet<string>): string[] {
  if (marks.size === 0) return [];
  return [...responses].flatMap(([key, answer]) => {
    if (answer.isErased || !isMarked(answer.value, marks)) return [];
    responses.set(key, emptied(answer));
    return answer.value.body?.object ?? [];
  });
}

/** True for an answer that one of the marks means. */
export function isMarked({ miner_uid: uid, hotkey }: MinerResponse, marks: ReadonlySet<string>): boolean {
  return marks.has(String(uid)) || (hotkey !== null && marks.has(`${uid}/${sha256Hex(hotkey)}`));
}

function emptied({ stamp, value, minerKey, countsUnassigned }: Answer): Answer {
  return erasedAnswer(value.miner_uid, stamp, {
    ...(minerKey === undefined ? {} : { minerKey: erasedKey }),
    ...(countsUnassigned === undefined ? {} : { countsUnassigned }),
  });
}

function erasedAnswer(
  uid: number,
  stamp: string,
  source: Pick<Answer, 'minerKey' | 'countsUnassigned'>,
): Answer {
  const nothing = { submitted_at_ms: 0, processing_time: 0, accuracy_score: 0, speed_score: 0, hotkey: null };
  const value: MinerResponse = { miner_uid: uid, ...nothing, status: 'erased' };
  return { value, stamp, ...source, isErased: true };
}

/** Sources of an erased answer: a proxy, a miner's key that counts always, or one that does if its miner is named. */
const sources: readonly Pick<Answer, 'minerKey' | 'countsUnassigned'>[] = [
  {},
  { minerKey: erasedKey, countsUnassigned: true },
  { minerKey: erasedKey },
];

/** Erased answers as a document keeps them, beside the marks. */
export interface StoredErasures {
  marks: readonly string[];
  /** The time of the latest erasure; of a task that nobody created. */
  atMs?: number | undefined;
  /** Each answer's uid, stamp, and number of its source. */
  answers: readonly (readonly [uid: number, stamp: string, source: number])[];
}

/** The form in which a state's erasures are stored; undefined where there are none. */
export function storedErasures(
  marks: ReadonlySet<string>,
  responses: Iterable<Answer>,
  atMs: number | undefined,
): StoredErasures | undefined {
  if (marks.size === 0) return undefined;
  const answers = [...responses]
    .filter(({ isErased }) => isErased)
    .map(({ value, stamp, minerKey, countsUnassigned }) => {
      const source = minerKey === undefined ? 0 : countsUnassigned ? 1 : 2;
      return [value.miner_uid, stamp, source] as const;
    })
    .sort(([, a], [, b]) => (a < b ? -1 : 1));
  return { marks: [...marks].sort(), atMs, answers };
}

/** Reads {@link storedErasures}'s answers. */
export function erasedAnswers({ answers }: StoredErasures): Answer[] {
  return answers.map(([uid, stamp, source]) => erasedAnswer(uid, stamp, sources[source] ?? {}));
}

/** Uids of the miners that cannot answer the task any more: under any hotkey, or that did and are erased. */
export function erasedMiners({ marks, answers }: StoredErasures): number[] {
  const ofAnyHotkey = marks.filter((mark) => !mark.includes('/')).map(Number);
  return [...ofAnyHotkey, ...answers.map(([uid]) => uid)];
}
