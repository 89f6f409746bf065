import type { Body } from '../events/event.ts';
import type { Fields } from '../platform/documents.ts';
import type { Json, JsonObject } from '../platform/json.ts';
import { isMap, jsonFromFields } from '../platform/values.ts';
import { bodyReference } from '../staging/bodies.ts';
import { inputTextOf } from './inputText.ts';
import { presentTask } from './present.ts';
import { storedResponses } from './storedAnswers.ts';

/** An answer of a completed task. */
interface ValidatorAnswer {
  fields: JsonObject;
  data: Json | undefined;
  /** The object that has the data, where the document has not. */
  body: Body | undefined;
}

/** A completed task as far as its document knows it. */
export interface ValidatorTask {
  task: JsonObject;
  completedAt: string;
  /** The answers that count, the earliest first. */
  answers: ValidatorAnswer[];
}

/** The completed task of a stored document; undefined where it is none, or one that validators cannot read. */
export function validatorTaskOf(taskId: string, fields: Fields): ValidatorTask | undefined {
  if (fields['status'] !== 'completed') return undefined;
  const { miner_responses: stored, evaluations: _, ...rest } = fields;
  const task = presentTask(taskId, rest);
  const { created_at: createdAt, task_type: type, completed_at: completedAt } = task;
  if (typeof createdAt !== 'string' || typeof type !== 'string' || type === '') return undefined;
  const answers = storedResponses(stored)
    .filter(([, { counted }]) => counted !== false)
    .map(([uid, response]): ValidatorAnswer => {
      const { response_data: data, response_body: body, ...given } = jsonFromFields(response);
      const submittedAt = given['submitted_at'] ?? given['received_at'] ?? createdAt;
      return {
        fields: { miner_uid: Number(uid), ...scoresOf(given), submitted_at: submittedAt },
        data,
        body: bodyReference(body),
      };
    })
    .sort((a, b) => (submitted(a) < submitted(b) ? -1 : Number(submitted(a) > submitted(b))));
  return { task, completedAt: String(completedAt ?? createdAt), answers };
}

/** Bytes of the objects that the task's element needs. */
export function bodyBytesOf({ answers }: ValidatorTask): number {
  return answers.reduce((sum, { body }) => sum + (body?.bytes ?? 0), 0);
}

/**
 * The JSON of a task as validators read it, all versions of them: each has its own place for an answer. `bodies` has
 * the contents of the objects by their names; an answer whose object is gone is left out.
 */
export function validatorElement(
  { task, answers }: ValidatorTask,
  bodies: ReadonlyMap<string, Json>,
): string {
  const inputText = inputTextOf(task);
  const file = isMap(task['input_file']) ? task['input_file'] : fileOf(task['input_file_id']);
  const shown = answers.flatMap(({ fields, data: inside, body }) => {
    const data = body === undefined ? (inside ?? null) : bodies.get(body.object);
    if (data === undefined) return [];
    const output = isMap(data) && 'output_data' in data ? data : { output_data: data };
    const { processing_time, accuracy_score, speed_score } = fields;
    const scores = { processing_time, accuracy_score, speed_score };
    return [
      { ...fields, response_data: { ...output, ...scores }, response: { response_data: output, ...scores } },
    ];
  });
  return JSON.stringify({
    task_id: task['task_id'],
    task_type: task['task_type'],
    status: 'completed',
    created_at: task['created_at'],
    completed_at: task['completed_at'] ?? task['created_at'],
    source_language: task['source_language'] ?? null,
    language: task['source_language'] ?? null,
    target_language: task['target_language'] ?? null,
    model_id: task['model_id'] ?? null,
    required_miner_count: numberOf(task['required_miner_count']),
    response_count: shown.length,
    ...(inputText === undefined ? {} : { input_text: inputText }),
    ...(file === undefined ? {} : { input_file: file }),
    miner_responses: shown,
  });
}

function submitted({ fields }: ValidatorAnswer): string {
  return String(fields['submitted_at']);
}

function fileOf(id: Json | undefined): Json | undefined {
  return typeof id === 'string' && id !== '' ? { file_id: id } : undefined;
}

function scoresOf(given: JsonObject): JsonObject {
  const names = ['processing_time', 'accuracy_score', 'speed_score'];
  return Object.fromEntries(names.map((name) => [name, numberOf(given[name])]));
}

/** One score that is no number loses a validator all tasks. */
function numberOf(value: Json | undefined): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}
