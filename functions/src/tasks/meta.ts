import type { Stamp } from '../events/stamp.ts';
import { hashedText, versionedObject } from '../platform/hashedText.ts';
import type { Creation, TaskStatus } from './state.ts';

/** What Sluice must know of a task besides what readers see: the stamps behind its values. */
export interface TaskMeta {
  creation?: Creation | undefined;
  statuses: Partial<Record<TaskStatus, { first: Stamp; last: Stamp }>>;
  fields: Record<string, Stamp>;
  fieldsFloor?: Stamp | undefined;
  /** Stamps of responses that count in any case, by uid. */
  responses: Record<string, Stamp>;
  /** Whose of these miners' keys sent: uids by key. */
  fromKeys?: Record<string, number[]> | undefined;
  /** Stamps of responses that count if their miner is named, by key and uid. */
  ifNamed?: Record<string, Record<string, Stamp>> | undefined;
  /** Miners that were named and are not any more. */
  onceNamed?: readonly number[] | undefined;
  isAdopted?: true | undefined;
  deadlinePassedMs?: number | undefined;
  replacedBodies?: readonly string[] | undefined;
}

/** Without sources of responses: what code that looks at no version reads. */
const firstVersion = 1;

/** With sources of responses. */
const sourcesVersion = 2;

/** By version the one-letter members that {@link encodeMeta} may have written. */
const membersByVersion = { [firstVersion]: 'vcsfordb', [sourcesVersion]: 'vcsformunadb' };

/** The bytes of the `_sluice` field. */
export function encodeMeta(meta: TaskMeta): Buffer {
  const { creation, statuses, fields, fieldsFloor, responses, deadlinePassedMs, replacedBodies } = meta;
  const { fromKeys, ifNamed, onceNamed, isAdopted } = meta;
  const isFirst = [fromKeys, ifNamed, onceNamed, isAdopted].every((each) => each === undefined);
  const text = JSON.stringify({
    v: isFirst ? firstVersion : sourcesVersion,
    c: creation && [creation.stamp, creation.requiredMinerCount, creation.minMinerCount, creation.deadlineMs],
    s: sorted(statuses),
    f: sorted(fields),
    o: fieldsFloor,
    r: sorted(responses),
    u: fromKeys && sorted(mapValues(fromKeys, (uids) => uids.toSorted((a, b) => a - b))),
    m: ifNamed && sorted(mapValues(ifNamed, sorted)),
    n: onceNamed?.toSorted((a, b) => a - b),
    a: isAdopted,
    d: deadlinePassedMs,
    b: replacedBodies,
  });
  return hashedText(text);
}

/** Reads {@link encodeMeta}'s bytes; undefined where a document has no such field. Throws UnknownVersion. */
export function decodeMeta(bytes: unknown): TaskMeta | undefined {
  const found = versionedObject(bytes, membersByVersion);
  if (found === undefined) return undefined;
  const { c, s, f, o, r, m, u, n, a, d, b } = found as Encoded;
  return {
    creation: c && { stamp: c[0], requiredMinerCount: c[1], minMinerCount: c[2], deadlineMs: c[3] },
    statuses: s,
    fields: f,
    fieldsFloor: o,
    responses: r,
    fromKeys: u,
    ifNamed: m,
    onceNamed: n,
    isAdopted: a,
    deadlinePassedMs: d,
    replacedBodies: b,
  };
}

interface Encoded {
  v: number;
  c?: [Stamp, number, number, number];
  s: TaskMeta['statuses'];
  f: Record<string, Stamp>;
  o?: Stamp;
  r: Record<string, Stamp>;
  m?: Record<string, Record<string, Stamp>>;
  u?: Record<string, number[]>;
  n?: number[];
  a?: true;
  d?: number;
  b?: string[];
}

function sorted<Value>(record: Readonly<Record<string, Value>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function mapValues<Value, Result>(
  record: Readonly<Record<string, Value>>,
  change: (value: Value) => Result,
): Record<string, Result> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
