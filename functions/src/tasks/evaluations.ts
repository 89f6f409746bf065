import type { Evaluation, TaskEvaluated } from '../events/event.ts';
import { earliestStamp, laterOf, type Stamp, stampMs } from '../events/stamp.ts';
import type { Fields } from '../platform/documents.ts';
import { fieldForJson, isMap, jsonFromFields } from '../platform/values.ts';
import { bodyReference } from '../staging/bodies.ts';
import { maxEvaluationsPerTask } from './limits.ts';
import type { TaskMeta } from './meta.ts';
import type { HeldEvaluation, Stamped, TaskState } from './state.ts';

type Own = Stamped<Evaluation>;

/** Adds an evaluation, unless its validator's latest is known. */
export function applyEvaluation(
  evaluations: Map<string, HeldEvaluation>,
  { evaluation: value, stamp }: TaskEvaluated,
): void {
  const uid = String(value.validator_uid);
  const present = evaluations.get(uid);
  if (present === undefined || present.stamp < stamp) evaluations.set(uid, { value, stamp });
}

/**
 * Takes out, as events, the evaluations that are too many. The latest stay: of latest stamps alone the same ones are
 * chosen in whatever order they come.
 */
export function takeEvaluationOverflow(
  taskId: string,
  evaluations: Map<string, HeldEvaluation>,
): TaskEvaluated[] {
  const tooMany = ownOf(evaluations)
    .sort((a, b) => (a.stamp > b.stamp ? -1 : 1))
    .slice(maxEvaluationsPerTask);
  return tooMany.map(({ value: evaluation, stamp }) => {
    evaluations.delete(String(evaluation.validator_uid));
    return { kind: 'evaluated', taskId, stamp, evaluation };
  });
}

/** The stamp of the latest evaluation, which approves the task; undefined where Sluice accepted none. */
export function latestEvaluation({ evaluations }: Pick<TaskState, 'evaluations'>): Stamp | undefined {
  return ownOf(evaluations).reduce<Stamp | undefined>(
    (latest, { stamp }) => laterOf(latest, stamp),
    undefined,
  );
}

/** Reads the evaluations of a stored document, a map or another system's list; those without a stamp are another's. */
export function storedEvaluations(
  document: Fields,
  { evaluations = {} }: TaskMeta,
): [string, HeldEvaluation][] {
  return entriesOf(document['evaluations']).map(([uid, stored]) => {
    const stamp = Object.hasOwn(evaluations, uid) ? evaluations[uid] : undefined;
    if (stamp === undefined || !isMap(stored))
      return [uid, { value: { asStored: stored }, stamp: earliestStamp }];
    return [uid, { value: evaluationFromFields(uid, stored), stamp }];
  });
}

/** The stamps of a state's evaluations, by validator; undefined where there are none. */
export function evaluationStamps({ evaluations }: TaskState): Record<string, Stamp> | undefined {
  const own = ownOf(evaluations);
  if (own.length === 0) return undefined;
  return Object.fromEntries(own.map(({ value, stamp }) => [String(value.validator_uid), stamp]));
}

/** The evaluations as a document's field; undefined where there are none. */
export function evaluationFields({ evaluations }: TaskState): Fields | undefined {
  if (evaluations.size === 0) return undefined;
  return Object.fromEntries(
    [...evaluations].map(([uid, { value, stamp }]) => [
      uid,
      'asStored' in value ? value.asStored : fieldsOf({ value, stamp }),
    ]),
  );
}

/** The validators of a stored field's evaluations, by uid. */
export function evaluatorsOf(stored: unknown): string[] {
  return entriesOf(stored).map(([uid]) => uid);
}

/** The evaluations that Sluice accepted. */
export function ownOf(evaluations: ReadonlyMap<string, HeldEvaluation>): Own[] {
  return [...evaluations.values()].filter((held): held is Own => !('asStored' in held.value));
}

function entriesOf(stored: unknown): [string, unknown][] {
  if (!Array.isArray(stored)) return isMap(stored) ? Object.entries(stored) : [];
  return stored
    .filter(isMap)
    .map((evaluation) => [String(evaluation['validator_uid'] ?? 'unknown'), evaluation]);
}

function fieldsOf({ value, stamp }: Own): Fields {
  const { validator_uid, evaluation_data, body } = value;
  return {
    validator_uid,
    received_at: new Date(stampMs(stamp)),
    ...(body === undefined
      ? fieldForJson('evaluation_data', evaluation_data ?? null)
      : { evaluation_body: { ...body } }),
  };
}

function evaluationFromFields(uid: string, stored: Fields): Evaluation {
  const validator_uid = uid === 'unknown' ? uid : Number(uid);
  const body = bodyReference(stored['evaluation_body']);
  if (body !== undefined) return { validator_uid, body };
  return { validator_uid, evaluation_data: jsonFromFields(stored)['evaluation_data'] ?? null };
}
