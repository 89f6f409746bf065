import { invalid } from './errors.ts';
import type { StoredObject } from './object.ts';

const dayMs = 24 * 60 * 60 * 1000;

interface Condition {
  age?: number;
  daysSinceCustomTime?: number;
  matchesPrefix?: string[];
  matchesSuffix?: string[];
  matchesStorageClass?: string[];
  /** Days (YYYY-MM-DD), from whose beginning in UTC on it does not hold. */
  createdBefore?: string;
  customTimeBefore?: string;
  /** False: noncurrent versions only, of which there are none here. */
  isLive?: boolean;
}

/** A bucket's `lifecycle`: rules that delete objects (https://cloud.google.com/storage/docs/lifecycle). */
export interface Lifecycle {
  rule?: { action: { type: string }; condition: Condition }[];
}

const knownConditions = new Set([
  'age',
  'createdBefore',
  'customTimeBefore',
  'daysSinceCustomTime',
  'isLive',
  'matchesPrefix',
  'matchesStorageClass',
  'matchesSuffix',
]);

/** Reads a lifecycle from a request. Throws 400 for what this simulator would not apply as the service does. */
export function readLifecycle(value: unknown): Lifecycle {
  if (value === null || value === undefined) return {};
  const lifecycle = value as Lifecycle;
  for (const rule of lifecycle.rule ?? []) {
    const unknown = Object.keys(rule.condition ?? {}).find((condition) => !knownConditions.has(condition));
    if (rule.action?.type !== 'Delete' || unknown !== undefined) {
      throw invalid(`Lifecycle: only Delete by ${[...knownConditions].join(', ')} is supported here.`);
    }
  }
  return lifecycle;
}

/** True when a rule deletes this object: all conditions of the rule hold. */
export function expired(lifecycle: Lifecycle, object: StoredObject, nowMs: number): boolean {
  return (lifecycle.rule ?? []).some(({ condition }) => {
    const { age, daysSinceCustomTime, matchesPrefix, matchesSuffix, matchesStorageClass } = condition;
    const { createdBefore, customTimeBefore, isLive } = condition;
    const customMs = Date.parse(object.fields.customTime ?? '');
    return (
      isLive !== false &&
      (createdBefore === undefined || object.createdMs < Date.parse(createdBefore)) &&
      (customTimeBefore === undefined || customMs < Date.parse(customTimeBefore)) &&
      (matchesStorageClass === undefined || matchesStorageClass.includes('STANDARD')) &&
      (age === undefined || object.createdMs + age * dayMs <= nowMs) &&
      (daysSinceCustomTime === undefined || customMs + daysSinceCustomTime * dayMs <= nowMs) &&
      (matchesPrefix === undefined || matchesPrefix.some((prefix) => object.name.startsWith(prefix))) &&
      (matchesSuffix === undefined || matchesSuffix.some((suffix) => object.name.endsWith(suffix)))
    );
  });
}
