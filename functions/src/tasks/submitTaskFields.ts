import { expected, isEmpty, quoted, readInteger, readJsonObject, readText } from '../http/fields.ts';
import { Reading } from '../http/reading.ts';
import { AppError } from '../platform/errors.ts';
import type { Json, JsonObject } from '../platform/json.ts';
import { defaultMinMinerCount, defaultRequiredMinerCount, maxResponsesPerTask } from './limits.ts';
import { taskStatuses } from './state.ts';
import { readMinerUid } from './submitFields.ts';
import { maxAssignedMiners, maxInputFields } from './submitLimits.ts';

type FieldReader = (value: unknown, name: string) => Json;

const shortText: FieldReader = (value, name) => readText(value, name, 256);
const minerCount: FieldReader = (value, name) => readInteger(value, name, 1, maxResponsesPerTask);

/** The fields a task may be given. Everything else it has is derived. */
const readers: Readonly<Record<string, FieldReader>> = {
  task_type: shortText,
  status: (value, name) => {
    const status = taskStatuses.find((known) => known === value);
    if (status === undefined) throw expected(name, `one of ${taskStatuses.join(', ')}`, value);
    return status;
  },
  priority: (value, name) => (Number.isInteger(value) ? Number(value) : shortText(value, name)),
  source_language: shortText,
  target_language: shortText,
  model_id: shortText,
  required_miner_count: minerCount,
  min_miner_count: minerCount,
  assigned_miners: (value, name) => {
    if (!Array.isArray(value) || value.length > maxAssignedMiners) {
      throw expected(name, `a list of at most ${maxAssignedMiners} miner uids`, value);
    }
    return [...new Set(value.map((uid, index) => readMinerUid(uid, false, `${name}[${index}]`)))];
  },
  metadata: readJsonObject,
};

const inputName = /^input_[a-z0-9_]{1,64}$/;

/** A change cannot clear these: a task always has them. */
const lasting = new Set(['task_type', 'status', 'required_miner_count', 'min_miner_count']);

/**
 * Checks a task's fields. null or '' is no value, except in an input: a creation goes without the field, a change clears it.
 * @throws AppError `invalid_request` for an unknown field, a wrong value, or counts that a change cannot set.
 */
export function readTaskFields(
  submitted: Readonly<Record<string, unknown>>,
  purpose: 'creation' | 'change',
): JsonObject {
  const fields: JsonObject = {};
  for (const [name, value] of Object.entries(submitted)) {
    const read = readerOf(name);
    if (!isEmpty(value) || inputName.test(name)) fields[name] = read(value, name);
    else if (purpose === 'change') fields[name] = lasting.has(name) ? read(value, name) : null;
  }
  if (Object.keys(fields).filter((name) => inputName.test(name)).length > maxInputFields) {
    throw new AppError('invalid_request', `There are more than ${maxInputFields} input_ fields.`);
  }
  checkCounts(fields, purpose);
  return fields;
}

function readerOf(name: string): FieldReader {
  if (inputName.test(name)) return (value) => new Reading(false).json(value, name);
  const reader = Object.hasOwn(readers, name) ? readers[name] : undefined;
  if (reader === undefined) {
    throw new AppError('invalid_request', `Unknown field ${quoted(name)}: put it into metadata.`);
  }
  return reader;
}

function checkCounts(fields: JsonObject, purpose: 'creation' | 'change'): void {
  const { required_miner_count: required, min_miner_count: least } = fields;
  if (purpose === 'change' && (required !== undefined || least !== undefined)) {
    throw new AppError(
      'invalid_request',
      'required_miner_count and min_miner_count are fixed by the creation of a task.',
    );
  }
  if (Number(least ?? defaultMinMinerCount) > Number(required ?? defaultRequiredMinerCount)) {
    throw new AppError(
      'invalid_request',
      `min_miner_count is more than required_miner_count (${defaultRequiredMinerCount} unless given).`,
    );
  }
}
