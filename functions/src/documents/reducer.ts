import type { OperationAccepted } from '../events/event.ts';
import { earliestStamp, type Stamp } from '../events/stamp.ts';
import type { Fields } from '../platform/documents.ts';
import { fieldPath, namesOf } from './fieldPath.ts';
import { maxStampedPathBytes, maxStamps } from './limits.ts';
import type { DocumentState } from './state.ts';
import { copyOf, putAt, storedFields, storedValue, valueAt } from './values.ts';

export interface Reduction {
  state: DocumentState;
  /** Operations of which nobody can tell any more whether a later one on their place came before. */
  undecidable: OperationAccepted[];
}

/** Merges operations into a document, as if they had come by stamp. Their order, repetition and grouping do not matter. */
export function reduceDocument(state: DocumentState, operations: readonly OperationAccepted[]): Reduction {
  const draft: Draft = {
    ...state,
    fields: copyOf(state.fields) as Fields | undefined,
    stamps: new Map(state.stamps),
  };
  const undecidable = operations.filter((operation) => !apply(draft, operation));
  fold(draft);
  return { state: draft, undecidable };
}

interface Draft extends DocumentState {
  stamps: Map<string, Stamp>;
}

/** A value for one place. */
interface Put {
  names: string[];
  key: string;
  value: unknown;
}

/** Whether it could be judged; otherwise nothing of it is applied. */
function apply(draft: Draft, { type, data = {}, stamp }: OperationAccepted): boolean {
  if (stamp <= draft.wholeStamp || stamp === draft.floor) return true;
  if (type !== 'update') {
    if (stamp < draft.floor) return false;
    replace(draft, type === 'set' ? storedFields(data) : undefined, stamp);
    return true;
  }
  const puts = Object.entries(data).flatMap(([path, value]): Put[] => {
    const names = namesOf(path) ?? [path];
    return isBeaten(draft, names, stamp) ? [] : [{ names, key: fieldPath(names), value: storedValue(value) }];
  });
  if (puts.length > 0 && stamp < draft.floor) return false;
  for (const put of puts) applyPut(draft, put, stamp);
  return true;
}

/** Whether a place, or one that contains it, has an operation as late. */
function isBeaten({ stamps }: Draft, names: readonly string[], stamp: Stamp): boolean {
  return names.some(
    (_, index) => (stamps.get(fieldPath(names.slice(0, index + 1))) ?? earliestStamp) >= stamp,
  );
}

/** The whole document anew, or gone; what later operations put into it stays. */
function replace(draft: Draft, fields: Fields | undefined, stamp: Stamp): void {
  const later = takeLater(draft, [...draft.stamps.keys()], stamp);
  draft.wholeStamp = stamp;
  // Whatever has no stamp is older than this one.
  draft.floor = earliestStamp;
  draft.fields = later.length > 0 ? (fields ?? {}) : fields;
  for (const { names, value } of later) putAt(draft.fields ?? {}, names, value);
}

function applyPut(draft: Draft, { names, key, value }: Put, stamp: Stamp): void {
  const below = [...draft.stamps.keys()].filter((each) => each === key || each.startsWith(`${key}.`));
  const later = takeLater(draft, below, stamp);
  draft.fields ??= {};
  putAt(draft.fields, names, value);
  for (const { names: inner, value: kept } of later) putAt(draft.fields, inner, kept);
  draft.stamps.set(key, stamp);
}

/** Of these places, what is there now by operations later than `stamp`, outer places first; the others' stamps go. */
function takeLater(draft: Draft, keys: readonly string[], stamp: Stamp): Put[] {
  const later: Put[] = [];
  for (const key of keys) {
    if ((draft.stamps.get(key) ?? stamp) <= stamp) {
      draft.stamps.delete(key);
      continue;
    }
    const names = namesOf(key) ?? [];
    later.push({ names, key, value: copyOf(valueAt(draft.fields ?? {}, names)) });
  }
  return later.sort((a, b) => a.names.length - b.names.length);
}

/** Forgets the oldest stamps past what a document keeps. */
function fold(draft: Draft): void {
  let bytes = 0;
  for (const key of draft.stamps.keys()) bytes += Buffer.byteLength(key);
  if (draft.stamps.size <= maxStamps && bytes <= maxStampedPathBytes) return;
  for (const [key, stamp] of [...draft.stamps].sort(([, a], [, b]) => (a < b ? -1 : 1))) {
    // What one operation put is forgotten as a whole.
    if (draft.stamps.size <= maxStamps && bytes <= maxStampedPathBytes && stamp > draft.floor) break;
    draft.stamps.delete(key);
    draft.floor = stamp;
    bytes -= Buffer.byteLength(key);
  }
}
