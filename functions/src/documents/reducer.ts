import type { OperationAccepted } from '../events/event.ts';
import { earliestStamp, type Stamp } from '../events/stamp.ts';
import type { Fields } from '../platform/documents.ts';
import { fieldPath, namesOf } from './fieldPath.ts';
import { maxStampedPathBytes, maxStamps } from './limits.ts';
import type { DocumentState } from './state.ts';
import { copyOf, putAt, storedFields, storedValue, valueAt } from './values.ts';

interface Reduction {
  state: DocumentState;
  /** Operations for which nobody can tell any more whether a later one on their place came before. */
  undecidable: OperationAccepted[];
}

/**
 * Merges operations into a document, as if they had come by stamp. Their order, repetition and grouping do not matter.
 */
export function reduceDocument(state: DocumentState, operations: readonly OperationAccepted[]): Reduction {
  const draft: Draft = {
    ...state,
    fields: copyOf(state.fields) as Fields | undefined,
    stamps: new Map(state.stamps),
    places: new Map(),
    outer: new Set(),
  };
  for (const key of state.stamps.keys()) addOuter(draft, placeOf(draft, key));
  // The latest first: most of the others are then beaten at a glance.
  const latestFirst = operations.toSorted((a, b) => (a.stamp < b.stamp ? 1 : -1));
  const undecidable = latestFirst.filter((operation) => !apply(draft, operation));
  fold(draft);
  const { places: _, outer: __, ...after } = draft;
  return { state: after, undecidable };
}

interface Draft extends DocumentState {
  stamps: Map<string, Stamp>;
  /** Field paths that were met, taken apart. */
  places: Map<string, Place>;
  /** Keys of places that contain, or contained, others with stamps: the only ones for which it is worth to look. */
  outer: Set<string>;
}

interface Place {
  names: string[];
  key: string;
  /** The keys of this place and of those that contain it. */
  around: string[];
}

/** A value for one place. */
interface Put extends Place {
  value: unknown;
}

/** Applies an operation; false, and nothing of it is applied, where it cannot be judged any more. */
function apply(draft: Draft, { type, data = {}, stamp }: OperationAccepted): boolean {
  if (stamp <= draft.wholeStamp || stamp === draft.floor) return true;
  if (type !== 'update') {
    if (stamp < draft.floor) return false;
    replace(draft, type === 'set' ? storedFields(data) : undefined, stamp);
    return true;
  }
  const puts = Object.entries(data).flatMap(([path, value]): Put[] => {
    const place = placeOf(draft, path);
    return isBeaten(draft, place, stamp) ? [] : [{ ...place, value: storedValue(value) }];
  });
  if (puts.length > 0 && stamp < draft.floor) return false;
  for (const put of puts) applyPut(draft, put, stamp);
  return true;
}

/** True where a state has neither an operation nor one that beats it everywhere. */
export function isNews(state: DocumentState, { type, data = {}, stamp }: OperationAccepted): boolean {
  if (stamp <= state.wholeStamp || stamp <= state.floor) return false;
  return type !== 'update' || Object.keys(data).some((path) => !isBeaten(state, newPlace(path), stamp));
}

function placeOf(draft: Draft, path: string): Place {
  const known = draft.places.get(path);
  if (known !== undefined) return known;
  const place = newPlace(path);
  draft.places.set(path, place);
  return place;
}

function newPlace(path: string): Place {
  const names = namesOf(path) ?? [path];
  return {
    names,
    key: fieldPath(names),
    around: names.map((_, index) => fieldPath(names.slice(0, index + 1))),
  };
}

function addOuter({ outer }: Draft, { key, around }: Place): void {
  for (const place of around) if (place !== key) outer.add(place);
}

/** True where a place, or one that contains it, has an operation as late. */
function isBeaten({ stamps }: Pick<DocumentState, 'stamps'>, { around }: Place, stamp: Stamp): boolean {
  return around.some((key) => (stamps.get(key) ?? earliestStamp) >= stamp);
}

/** Makes the whole document anew, or takes it away; what later operations put into it stays. */
function replace(draft: Draft, fields: Fields | undefined, stamp: Stamp): void {
  const later = takeLater(draft, [...draft.stamps.keys()], stamp);
  draft.wholeStamp = stamp;
  // Whatever has no stamp is older than this one.
  draft.floor = earliestStamp;
  draft.fields = later.length > 0 ? (fields ?? {}) : fields;
  for (const { names, value } of later) putAt(draft.fields ?? {}, names, value);
}

function applyPut(draft: Draft, put: Put, stamp: Stamp): void {
  const { names, key, value } = put;
  const below = `${key}.`;
  const inside = draft.outer.has(key) ? [...draft.stamps.keys()] : [];
  const later = takeLater(
    draft,
    inside.filter((place) => place.startsWith(below)),
    stamp,
  );
  draft.fields ??= {};
  putAt(draft.fields, names, value);
  for (const { names: inner, value: latest } of later) putAt(draft.fields, inner, latest);
  draft.stamps.set(key, stamp);
  addOuter(draft, put);
}

type Inner = Pick<Put, 'names' | 'value'>;

/** Takes what operations later than `stamp` put into these places, outer places first; the others' stamps go. */
function takeLater(draft: Draft, keys: readonly string[], stamp: Stamp): Inner[] {
  const later: Inner[] = [];
  for (const key of keys) {
    if ((draft.stamps.get(key) ?? stamp) <= stamp) {
      draft.stamps.delete(key);
      continue;
    }
    const names = namesOf(key) ?? [];
    later.push({ names, value: copyOf(valueAt(draft.fields ?? {}, names)) });
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
