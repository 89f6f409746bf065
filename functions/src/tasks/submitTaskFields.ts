import * as z from 'zod/mini';
import { marked, type TaskCreated, type TaskPatched, type Visibility } from '../events/event.ts';
import type { Stamp } from '../events/stamp.ts';
import { expected, isEmpty, quoted } from '../http/fields.ts';
import { Reading } from '../http/reading.ts';
import {
  anyObject,
  expecting,
  integer,
  members,
  oneOf,
  optional,
  prepared,
  read,
  type Schema,
  text,
} from '../http/schema.ts';
import { AppError } from '../platform/errors.ts';
import type { JsonObject } from '../platform/json.ts';
import { once } from '../platform/once.ts';
import { checkOpenName, isInputName, openNames } from './fieldNames.ts';
import { defaultMinMinerCount, defaultRequiredMinerCount, maxResponsesPerTask } from './limits.ts';
import { taskStatuses } from './state.ts';
import type { Submitted } from './submit.ts';
import { maxAssignedMiners, maxOpenFields, maxTaskFieldsBytes, minerUid, taskId } from './submitFields.ts';

const withOthers = { checks: [z.meta(openNames)] };

/** Inputs that miners know. */
const usualInputs = ['input_text', 'input_file', 'input_file_id'];

type KnownFields = ReturnType<typeof members>;

const shortText = once(() => text(256));
const status = once(() => oneOf(taskStatuses));

/** The known fields of a task that a change can clear, each in this wrapping. */
export function clearable<Wrapped>(wrap: (member: Schema) => Wrapped) {
  const wholeNumber = z.custom(Number.isInteger).check(z.meta({ type: 'integer' }));
  const uids = expecting(`a list of at most ${maxAssignedMiners} miner uids`);
  return {
    priority: wrap(
      z.union([wholeNumber, shortText()], expecting('an integer or a text of 1 to 256 characters')),
    ),
    source_language: wrap(shortText()),
    target_language: wrap(shortText()),
    model_id: wrap(shortText()),
    assigned_miners: wrap(
      z.pipe(
        z.array(minerUid(), uids).check(z.maxLength(maxAssignedMiners, uids)),
        z.transform((all) => [...new Set(all)]),
      ),
    ),
    metadata: wrap(anyObject),
  };
}

/** A submitted task. null and '' are no value. */
export const creation = once(() => {
  const minerCount = optional(integer(1, maxResponsesPerTask));
  return members(
    {
      task_id: optional(taskId()),
      task_type: shortText(),
      status: optional(status()),
      required_miner_count: minerCount,
      min_miner_count: minerCount,
      ...clearable(optional),
    },
    withOthers,
  );
});

/** Submitted fields of a task. null and '' clear a field, but not the type or the status. */
export function change(needsStatus: boolean) {
  return needsStatus ? statusChange() : anyChange();
}

const anyChange = once(() => changeOf(z.optional(status())));
const statusChange = once(() => changeOf(status()));

function changeOf(status: Schema) {
  const fixed = z.optional(z.never('fixed by the creation of a task'));
  return members(
    {
      task_id: optional(z.string()),
      task_type: z.optional(shortText()),
      status,
      required_miner_count: fixed,
      min_miner_count: fixed,
      ...clearable(orCleared),
    },
    withOthers,
  );
}

function orCleared(member: Schema): Schema {
  return prepared((value) => (value === '' ? null : value), z.optional(z.nullable(member)));
}

/** @throws AppError `payload_too_large` */
export function checkFieldsBytes(bytes: number): void {
  if (bytes <= maxTaskFieldsBytes) return;
  throw new AppError('payload_too_large', `A task's fields are at most ${maxTaskFieldsBytes} bytes.`);
}

/**
 * A submitted task as an event; `newId` names it where it has no id.
 * @throws AppError `invalid_request`
 */
export function createdEvent(
  submitted: Submitted,
  options: { stamp: Stamp; visibility: Visibility; newId: () => string },
): TaskCreated {
  const { stamp, visibility } = options;
  const { task_id, ...fields } = readFields(creation(), submitted, undefined);
  const { required_miner_count: required, min_miner_count: least } = fields;
  if (Number(least ?? defaultMinMinerCount) > Number(required ?? defaultRequiredMinerCount)) {
    throw new AppError(
      'invalid_request',
      `min_miner_count is more than required_miner_count (${defaultRequiredMinerCount} unless given).`,
    );
  }
  const id = task_id === undefined ? options.newId() : String(task_id);
  return marked({ kind: 'created', taskId: id, stamp, fields, visibility });
}

/**
 * Submitted fields of a task as an event; its own id may be among them.
 * @throws AppError `invalid_request`
 */
export function patchedEvent(
  id: string,
  submitted: Submitted,
  options: { needsStatus: boolean; stamp: Stamp; visibility: Visibility },
): TaskPatched {
  const { needsStatus, stamp, visibility } = options;
  const { task_id = id, ...fields } = readFields(change(needsStatus), submitted, null);
  if (task_id !== id) throw expected('task_id', `${quoted(id)} as in the path`, task_id);
  if (Object.keys(fields).length === 0) throw new AppError('invalid_request', 'There is no field to set.');
  return marked({ kind: 'patched', taskId: id, stamp, fields, visibility });
}

/** Reads the fields that the schema has, and beside them inputs and further ones, which are `empty` where they are. */
function readFields(schema: KnownFields, submitted: Submitted, empty: null | undefined): JsonObject {
  const known = Object.keys(schema._zod.def.shape);
  const all = Object.entries(submitted);
  const open = all.filter(([name]) => !known.includes(name));
  for (const [name] of open) checkOpenName(name, [...known, ...usualInputs]);
  if (open.length > maxOpenFields) {
    throw new AppError('invalid_request', `There are more than ${maxOpenFields} input_ and further fields.`);
  }
  const others = read(schema, Object.fromEntries(all.filter(([name]) => known.includes(name))));
  const kept = open.map(([name, value]): [string, unknown] => [
    name,
    isEmpty(value) && !isInputName(name) ? empty : value,
  ]);
  const fields = [...Object.entries(others), ...kept].filter(([, value]) => value !== undefined);
  const reading = new Reading(false);
  return Object.fromEntries(fields.map(([name, value]) => [name, reading.json(value, name)]));
}
