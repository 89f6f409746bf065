import * as z from 'zod/mini';
import { marked, type TaskEvaluated } from '../events/event.ts';
import type { Stamp } from '../events/stamp.ts';
import type { Reading } from '../http/reading.ts';
import { expecting, orText, read, someMembers, wholeNumberText } from '../http/schema.ts';
import { maxMinerUid } from '../keys/limits.ts';
import { once } from '../platform/once.ts';
import { dataOrText, type Submitted } from './submit.ts';
import { minerUid, taskId } from './submitFields.ts';

/** A validator's number in its subnet; one that does not know its own says `unknown`. */
export const validatorUid = once(() => {
  const { error } = expecting(`an integer from 0 to ${maxMinerUid} or unknown`);
  return orText(z.union([minerUid(), z.literal('unknown')], { error }), wholeNumberText);
});

/** A submitted evaluation of an existing validator: its data may come as JSON text, and more members beside it. */
export const evaluation = once(() =>
  someMembers({ task_id: taskId(), validator_uid: validatorUid(), evaluation_data: dataOrText() }),
);

/**
 * A submitted evaluation as an event.
 * @throws AppError `invalid_request`.
 */
export function evaluatedEvent(fields: Submitted, stamp: Stamp, reading: Reading): TaskEvaluated {
  const { task_id: taskId, validator_uid, evaluation_data } = read(evaluation(), fields);
  const evaluated = { validator_uid, evaluation_data: reading.json(evaluation_data, 'evaluation_data') };
  return marked({ kind: 'evaluated', taskId, stamp, evaluation: evaluated });
}
