import type { Stamp } from '../events/stamp.ts';
import { hashedText, textOfHashed } from '../platform/hashedText.ts';
import type { Creation, TaskStatus } from './state.ts';

/** What Sluice must know of a task besides what readers see: the stamps behind its values. */
export interface TaskMeta {
  creation?: Creation | undefined;
  statuses: Partial<Record<TaskStatus, { first: Stamp; last: Stamp }>>;
  fields: Record<string, Stamp>;
  fieldsFloor?: Stamp | undefined;
  responses: Record<string, Stamp>;
  deadlinePassedMs?: number | undefined;
  replacedBodies?: readonly string[] | undefined;
}

const metaVersion = 1;

/** The bytes of the `_sluice` field. */
export function encodeMeta(meta: TaskMeta): Buffer {
  const { creation, statuses, fields, fieldsFloor, responses, deadlinePassedMs, replacedBodies } = meta;
  const text = JSON.stringify({
    v: metaVersion,
    c: creation && [creation.stamp, creation.requiredMinerCount, creation.minMinerCount, creation.deadlineMs],
    s: sorted(statuses),
    f: sorted(fields),
    o: fieldsFloor,
    r: sorted(responses),
    d: deadlinePassedMs,
    b: replacedBodies,
  });
  return hashedText(text);
}

/** Reads {@link encodeMeta}'s bytes; undefined where a document has no such field. */
export function decodeMeta(bytes: unknown): TaskMeta | undefined {
  const text = textOfHashed(bytes);
  if (text === undefined) return undefined;
  const { c, s, f, o, r, d, b } = JSON.parse(text) as Encoded;
  return {
    creation: c && { stamp: c[0], requiredMinerCount: c[1], minMinerCount: c[2], deadlineMs: c[3] },
    statuses: s,
    fields: f,
    fieldsFloor: o,
    responses: r,
    deadlinePassedMs: d,
    replacedBodies: b,
  };
}

interface Encoded {
  c?: [Stamp, number, number, number];
  s: TaskMeta['statuses'];
  f: Record<string, Stamp>;
  o?: Stamp;
  r: Record<string, Stamp>;
  d?: number;
  b?: string[];
}

function sorted<Value>(record: Readonly<Record<string, Value>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
