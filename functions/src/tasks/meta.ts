import type { Stamp } from '../events/stamp.ts';
import { hashedText, versionedObject } from '../platform/hashedText.ts';
import { isMap } from '../platform/values.ts';
import type { StoredErasures } from './erasure.ts';
import type { Creation, TaskStatus } from './state.ts';

/** The meta of a task, its field `_sluice`: the stamps behind what readers see, and the sources of its responses. */
export interface TaskMeta {
  creation?: Creation | undefined;
  statuses: Partial<Record<TaskStatus, { first: Stamp; last: Stamp }>>;
  fields: Record<string, Stamp>;
  fieldsFloor?: Stamp | undefined;
  /** Stamps of responses that count in any case, by uid. */
  responses: Record<string, Stamp>;
  /** Miners whose such responses came from keys of miners: uids by key. */
  fromKeys?: Record<string, number[]> | undefined;
  /** Stamps of responses that count if their miner is named, by key and uid. */
  ifNamed?: Record<string, Record<string, Stamp>> | undefined;
  /** Stamps of evaluations, by validator. */
  evaluations?: Record<string, Stamp> | undefined;
  erased?: StoredErasures | undefined;
  /** Miners that were named and are not any more. */
  onceNamed?: readonly number[] | undefined;
  isAdopted?: true | undefined;
  deadlinePassedMs?: number | undefined;
  replacedBodies?: readonly string[] | undefined;
}

/** The letters of the members in the stored bytes, in the order in which they stand there. */
const letters: Readonly<Record<keyof TaskMeta, string>> = {
  creation: 'c',
  statuses: 's',
  fields: 'f',
  fieldsFloor: 'o',
  responses: 'r',
  fromKeys: 'u',
  ifNamed: 'm',
  evaluations: 'e',
  erased: 'x',
  onceNamed: 'n',
  isAdopted: 'a',
  deadlinePassedMs: 'd',
  replacedBodies: 'b',
};

/**
 * Members by version. The first knows no sources of responses: code that looks at no version reads it. The third has
 * evaluations, the fourth erased answers.
 */
const membersByVersion = { 1: 'vcsfordb', 2: 'vcsformunadb', 3: 'vcsformunadbe', 4: 'vcsformunadbex' };

/** Makes the bytes of the `_sluice` field: the same for the same meta, whatever the order of its members. */
export function encodeMeta(meta: TaskMeta): Buffer {
  const { creation, fromKeys, ifNamed, evaluations, erased, onceNamed, isAdopted } = meta;
  const isFirst = [fromKeys, ifNamed, onceNamed, isAdopted].every((member) => member === undefined);
  const members: Record<string, unknown> = {
    ...meta,
    creation: creation && [
      creation.stamp,
      creation.requiredMinerCount,
      creation.minMinerCount,
      creation.deadlineMs,
    ],
  };
  const stored = Object.entries(letters).map(([name, letter]) => [letter, sorted(members[name])]);
  const v = erased !== undefined ? 4 : evaluations !== undefined ? 3 : isFirst ? 1 : 2;
  return hashedText(JSON.stringify({ v, ...Object.fromEntries(stored) }));
}

/** Reads {@link encodeMeta}'s bytes; undefined where a document has no such field. Throws UnknownVersion. */
export function decodeMeta(bytes: unknown): TaskMeta | undefined {
  const stored = versionedObject(bytes, membersByVersion) as Record<string, unknown> | undefined;
  if (stored === undefined) return undefined;
  const members = Object.entries(letters).map(([name, letter]) => [name, stored[letter]]);
  const meta = Object.fromEntries(members) as StoredMeta;
  if (meta.creation === undefined) return { ...meta, creation: undefined };
  const [stamp, requiredMinerCount, minMinerCount, deadlineMs] = meta.creation;
  return { ...meta, creation: { stamp, requiredMinerCount, minMinerCount, deadlineMs } };
}

/**
 * Reads the erasures alone, quickly where there are none: hardly a task has any. Undefined then.
 * @throws UnknownVersion
 */
export function decodeErasures(bytes: unknown): StoredErasures | undefined {
  if (!(bytes instanceof Uint8Array)) return undefined;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return text.includes(`"${letters.erased}":`) ? decodeMeta(bytes)?.erased : undefined;
}

type StoredMeta = Omit<TaskMeta, 'creation'> & { creation?: [Stamp, number, number, number] };

function sorted(value: unknown): unknown {
  if (!isMap(value)) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, inner]) => [name, sorted(inner)]));
}
