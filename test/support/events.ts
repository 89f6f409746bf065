import { foldText } from '../../functions/src/events/carrier.ts';
import type {
  AnswersErased,
  MinerResponse,
  ResponseReceived,
  TaskCreated,
  TaskEvaluated,
  TaskPatched,
  Visibility,
} from '../../functions/src/events/event.ts';
import type { Stamp } from '../../functions/src/events/stamp.ts';
import { sha256Hex } from '../../functions/src/platform/ids.ts';
import type { JsonObject } from '../../functions/src/platform/json.ts';

/** A stamp of a moment; `sequence` tells those of one millisecond apart. */
export function stampAt(ms: number, sequence = 0): Stamp {
  return `${ms.toString(36).padStart(9, '0')}instance${sequence.toString(36).padStart(4, '0')}`;
}

interface EventOptions {
  sequence?: number;
  visibility?: Visibility;
}

export function created(
  taskId: string,
  ms: number,
  fields: JsonObject = { task_type: 'test' },
  { sequence = 0, visibility = 'default' }: EventOptions = {},
): TaskCreated {
  return { kind: 'created', taskId, stamp: stampAt(ms, sequence), fields, visibility };
}

export function patched(
  taskId: string,
  ms: number,
  fields: JsonObject,
  { sequence = 0, visibility = 'default' }: EventOptions = {},
): TaskPatched {
  return { kind: 'patched', taskId, stamp: stampAt(ms, sequence), fields, visibility };
}

export function response(
  taskId: string,
  ms: number,
  uid: number,
  changes: Partial<MinerResponse> = {},
  sequence = uid,
): ResponseReceived {
  return {
    kind: 'response',
    taskId,
    stamp: stampAt(ms, sequence),
    response: {
      miner_uid: uid,
      ...(changes.body === undefined ? { response_data: { answer: uid } } : {}),
      submitted_at_ms: ms - 5,
      processing_time: 1,
      accuracy_score: 0.5,
      speed_score: 0.5,
      hotkey: null,
      status: 'completed',
      ...changes,
    },
  };
}

export function evaluated(
  taskId: string,
  ms: number,
  validator_uid: TaskEvaluated['evaluation']['validator_uid'],
  content: Omit<TaskEvaluated['evaluation'], 'validator_uid'> = { evaluation_data: { score: 1 } },
  sequence = 0,
): TaskEvaluated {
  return {
    kind: 'evaluated',
    taskId,
    stamp: stampAt(ms, sequence),
    evaluation: { validator_uid, ...content },
  };
}

export function erased(
  taskId: string,
  ms: number,
  minerUid: number,
  hotkey?: string,
  sequence = 0,
): AnswersErased {
  const only = hotkey === undefined ? {} : { hotkeySha256: sha256Hex(hotkey) };
  return { kind: 'erased', taskId, stamp: stampAt(ms, sequence), minerUid, ...only };
}

/** Event lines as a carrier's compressed contents. */
export async function packLines(lines: readonly string[]): Promise<Buffer> {
  return (await foldText(lines.join('\n'))).packed;
}
