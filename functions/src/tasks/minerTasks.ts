import { fileUrl } from '../files/record.ts';
import { ByteCache } from '../platform/byteCache.ts';
import { type Fields, type ReadDocument, ttlField } from '../platform/documents.ts';
import type { JsonObject } from '../platform/json.ts';
import { isMap } from '../platform/values.ts';
import { taskIdOf } from './document.ts';
import { erasedMiners } from './erasure.ts';
import { evaluatorsOf } from './evaluations.ts';
import { inputTextOf } from './inputText.ts';
import { decodeErasures } from './meta.ts';
import { presentTask } from './present.ts';
import { isFinalStatus, openStatuses } from './state.ts';
import { storedResponses } from './storedAnswers.ts';

/** A miner task is a stored task, as much of it as miners may see, in memory. */
interface MinerTask {
  taskId: string;
  status: string;
  assigned: ReadonlySet<number>;
  /** As {@link presentTask}, without what is only of use to others. */
  view: JsonObject;
  /** About what it takes in memory, and in an answer. */
  bytes: number;
}

export interface OpenTask extends MinerTask {
  createdAt: string;
  answered: ReadonlySet<number>;
}

/** A task that is over. */
export interface FinalTask extends MinerTask {
  writtenAtMs: number;
  /** The time from which the database may delete the task. */
  expiresAtMs: number;
  /** The validators that evaluated it. */
  evaluators: ReadonlySet<string>;
  /** The answers by uid: each miner sees its own and no other. */
  responses: JsonObject;
}

/** The tasks that were over latest, in memory, up to so many bytes. */
export class FinalTasks {
  readonly #tasks: ByteCache<FinalTask>;

  constructor(maxBytes: number) {
    this.#tasks = new ByteCache(maxBytes);
  }

  /** The tasks, those written latest first. */
  newest(nowMs: number): FinalTask[] {
    return this.#tasks
      .values()
      .filter(({ expiresAtMs }) => expiresAtMs > nowMs)
      .sort((a, b) => b.writtenAtMs - a.writtenAtMs);
  }

  /** Takes a document in as it was read, unless a later form is known; a task that is open goes. */
  put(document: ReadDocument): void {
    const taskId = taskIdOf(document);
    const task = finalTaskOf(taskId, document.fields ?? {});
    if (task === undefined) this.#tasks.delete(taskId);
    else if ((this.#tasks.get(taskId)?.writtenAtMs ?? task.writtenAtMs) <= task.writtenAtMs)
      this.#tasks.set(taskId, task, task.bytes);
  }

  /** Forgets what was written before. */
  forgetBefore(writtenAtMs: number): void {
    this.#tasks.deleteWhere((task) => task.writtenAtMs < writtenAtMs);
  }
}

/** The open task of a stored document, or undefined when that task is over. */
export function openTaskOf(taskId: string, fields: Fields): OpenTask | undefined {
  const status = openStatuses.find((open) => open === fields['status']);
  if (status === undefined) return undefined;
  const { task } = minerTaskOf(taskId, status, fields);
  const answered = new Set([...answeredUids(fields['miner_responses']), ...erasedUids(fields['_sluice'])]);
  const bytes = task.bytes + answered.size * uidBytes;
  return { ...task, createdAt: String(task.view['created_at'] ?? ''), answered, bytes };
}

function finalTaskOf(taskId: string, fields: Fields): FinalTask | undefined {
  const { status, written_at: writtenAt, [ttlField]: expiresAt } = fields;
  if (typeof status !== 'string' || !isFinalStatus(status)) return undefined;
  const { task, responses } = minerTaskOf(taskId, status, fields);
  const evaluators = new Set(evaluatorsOf(fields['evaluations']));
  return {
    ...task,
    writtenAtMs: writtenAt instanceof Date ? writtenAt.getTime() : 0,
    expiresAtMs: expiresAt instanceof Date ? expiresAt.getTime() : Number.POSITIVE_INFINITY,
    evaluators,
    responses,
    bytes: task.bytes + JSON.stringify(responses).length + evaluators.size * uidBytes,
  };
}

/** Fields of no use to a miner, and as large as all its competitors' answers. */
const leftOut = new Set(['evaluations', 'best_response', 'assigned_miners', ttlField]);

const taskBytes = 500;
const uidBytes = 40;

function minerTaskOf(
  taskId: string,
  status: string,
  fields: Fields,
): { task: MinerTask; responses: JsonObject } {
  const { miner_responses: responses, ...shown } = presentTask(taskId, fields);
  const view = Object.fromEntries(Object.entries(shown).filter(([name]) => !leftOut.has(name)));
  Object.assign(view, inputsOf(view));
  const uids = fields['assigned_miners'];
  const assigned = new Set(Array.isArray(uids) ? uids.map(Number) : []);
  const bytes = JSON.stringify(view).length + taskBytes + assigned.size * uidBytes;
  return { task: { taskId, status, assigned, view, bytes }, responses: responses as JsonObject };
}

/** Inputs as existing miners read them: a text with its languages, a file with its address, both as objects. */
function inputsOf(view: JsonObject): JsonObject {
  const text = inputTextOf(view);
  const { input_file: file, input_file_id: fileId } = view;
  const isByIdAlone = !isMap(file) && typeof fileId === 'string' && fileId !== '';
  return {
    ...(text && { input_text: text }),
    // Its name, type and size would cost a read.
    ...(isByIdAlone && { input_file: { file_id: fileId, file_url: fileUrl(fileId) } }),
  };
}

/** The miners whose answers are erased, or would be: asked again, they would answer for nothing, and be asked again. */
function erasedUids(stored: unknown): number[] {
  try {
    const erasures = decodeErasures(stored);
    return erasures === undefined ? [] : erasedMiners(erasures);
  } catch {
    // Another version's: the task is shown as it was before there were erasures.
    return [];
  }
}

/** The miners whose answers count. */
function answeredUids(responses: unknown): number[] {
  return storedResponses(responses).flatMap(([uid, { counted }]) => (counted === false ? [] : [Number(uid)]));
}
