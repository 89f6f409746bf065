import type { Call } from './story.ts';

/** `kept`: acknowledged. `unknown`: answered 503, or not at all; it may be kept. */
export type Outcome = 'kept' | 'unknown';

interface TaskTraffic {
  required: number;
  /** The values that priority may have in the end. */
  priorities: Set<number | undefined>;
  /** Answers by miner: whether one was acknowledged, and the texts that may be stored. */
  answers: Map<number, { isKept: boolean; texts: Set<string> }>;
}

/** Every field that a document may have in the end has this value; undefined where there is to be no document. */
type DocumentFields = Record<string, number> | undefined;

/** The text that a miner sends, which names whose it is, so that one in the wrong place shows. */
export function answerText({ task, uid, bytes, copy }: Extract<Call, { kind: 'answer' }>): string {
  return `${task} by ${uid}, copy ${copy}: `.padEnd(bytes, 'x');
}

/** Documents that must and that may be stored, after all that was acknowledged so far. */
export class Model {
  readonly tasks = new Map<string, TaskTraffic>();
  readonly documents = new Map<string, DocumentFields>();
  readonly files = new Map<string, { fileId: string; bytes: number; seed: number }>();

  /**
   * Takes in what became of a call. Operations and creations are repeated until they are kept, so each is told once.
   */
  tell(call: Call, outcome: Outcome, fileId?: string): void {
    if (call.kind === 'grow') return;
    if (call.kind === 'file') {
      if (fileId !== undefined) this.files.set(call.key, { fileId, bytes: call.bytes, seed: call.seed });
    } else if (call.kind === 'operate') this.documents.set(call.path, this.#after(call));
    else this.#tellTask(call, outcome);
  }

  #tellTask(call: Extract<Call, { task: string }>, outcome: Outcome): void {
    const task = this.#task(call.task);
    if (call.kind === 'create') task.required = call.required;
    else if (call.kind === 'patch') {
      if (outcome === 'kept') task.priorities.clear();
      task.priorities.add(call.priority);
    } else {
      const answer = task.answers.get(call.uid) ?? { isKept: false, texts: new Set() };
      // The earliest counts: what comes after an acknowledged one is never stored.
      if (!answer.isKept) answer.texts.add(answerText(call));
      answer.isKept ||= outcome === 'kept';
      task.answers.set(call.uid, answer);
    }
  }

  #task(id: string): TaskTraffic {
    const task = this.tasks.get(id) ?? {
      required: 0,
      priorities: new Set<number | undefined>([undefined]),
      answers: new Map(),
    };
    this.tasks.set(id, task);
    return task;
  }

  #after({ path, type, field, value }: Extract<Call, { kind: 'operate' }>): DocumentFields {
    if (type === 'delete') return undefined;
    return type === 'set' ? { [field]: value } : { ...this.documents.get(path), [field]: value };
  }
}

/** The parts of a task that the model speaks of, as the API gives them. */
export interface StoredTask {
  status: string;
  created_at: string;
  completion_reason?: string | null;
  priority?: number | null;
  response_count: number;
  miner_responses: Record<string, { response_data: unknown; received_at: string }>;
}

/** Finds, in words, how a stored task differs from all that it may be; empty where it is right. */
export function taskFaults(
  id: string,
  traffic: TaskTraffic,
  stored: StoredTask,
  timeoutMs: number,
): string[] {
  const faults: string[] = [];
  const entries = Object.entries(stored.miner_responses);
  for (const [uid, { isKept, texts }] of traffic.answers) {
    const entry = stored.miner_responses[uid];
    if (entry === undefined && isKept) faults.push(`${id}: the acknowledged answer of ${uid} is lost`);
    const text = (entry?.response_data as { text?: string } | undefined)?.text;
    if (entry !== undefined && (text === undefined || !texts.has(text)))
      faults.push(`${id}: the answer of ${uid} is ${JSON.stringify(entry.response_data).slice(0, 80)}`);
  }
  for (const [uid] of entries)
    if (!traffic.answers.has(Number(uid))) faults.push(`${id}: ${uid} never answered`);
  if (stored.response_count !== entries.length)
    faults.push(`${id}: response_count ${stored.response_count}, but ${entries.length} answers`);
  const priority = stored.priority ?? undefined;
  if (!traffic.priorities.has(priority))
    faults.push(`${id}: priority ${priority}, not one of ${[...traffic.priorities]}`);
  const deadlineMs = Date.parse(stored.created_at) + timeoutMs;
  const inTime = entries.filter(([, { received_at }]) => Date.parse(received_at) < deadlineMs).length;
  const expected = inTime > 0 ? 'completed' : 'failed';
  if (stored.status !== expected)
    faults.push(`${id}: ${stored.status} with ${inTime} of ${traffic.required} answers in time`);
  return faults;
}

/** Finds, in words, how a stored document differs from what was acknowledged; undefined where it is right. */
export function documentFault(
  path: string,
  expected: DocumentFields,
  stored: Record<string, unknown> | undefined,
): string | undefined {
  const fields = stored && Object.fromEntries(Object.entries(stored).filter(([name]) => name !== '_sluice'));
  const [found, right] = [inOrder(fields), inOrder(expected)];
  return found === right ? undefined : `${path} is ${found}, not ${right}`;
}

function inOrder(fields: Record<string, unknown> | undefined): string {
  return fields === undefined
    ? 'absent'
    : JSON.stringify(Object.fromEntries(Object.entries(fields).toSorted(([a], [b]) => (a < b ? -1 : 1))));
}
