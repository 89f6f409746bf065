/** A task as `GET /v1/tasks/{id}` shows it: what nobody set, or another system wrote, may have any form. */
export type Task = Readonly<Record<string, unknown>>;

/** Something that happened to a task. */
interface Happening {
  /** Milliseconds since the epoch. */
  atMs: number;
  what: string;
  detail?: string;
}

/** A miner's answer. */
export interface Answer {
  uid: string;
  isBest: boolean;
  /** False where it plays no part: the task is assigned to others. */
  counts: boolean;
  receivedAtMs: number | undefined;
  submittedAtMs: number | undefined;
  processingSeconds: number | undefined;
  accuracy: number | undefined;
  speed: number | undefined;
  hotkey: string | undefined;
  data: unknown;
  /** The size of what is in Cloud Storage and was too much for the answer. */
  leftOutBytes: number | undefined;
}

/** The address of a task; undefined for what no URL can name. */
export function pathOfTask(id: string): string | undefined {
  // A URL takes these for folders, in whatever way they are encoded.
  return id === '' || id === '.' || id === '..' ? undefined : `/v1/tasks/${encodeURIComponent(id)}`;
}

/** Everything that is known to have happened, the earliest first. */
export function happeningsOf(task: Task): Happening[] {
  const found: Happening[] = [];
  const add = (at: unknown, what: string, detail?: string): void => {
    const atMs = timeOf(at);
    if (atMs !== undefined) found.push({ atMs, what, ...(detail === undefined ? {} : { detail }) });
  };
  add(task['created_at'], 'Created', textOf(task['task_type']));
  add(task['distributed_at'], 'Assigned', assignedTo(task['assigned_miners']));
  for (const answer of answersOf(task)) {
    const { uid, counts, submittedAtMs, receivedAtMs } = answer;
    const note = counts ? undefined : 'does not count: assigned to others';
    const isLate =
      submittedAtMs !== undefined && receivedAtMs !== undefined && receivedAtMs - submittedAtMs >= 1000;
    if (isLate) add(submittedAtMs, `Miner ${uid} made its answer`);
    add(receivedAtMs ?? submittedAtMs, `Answer of miner ${uid} accepted`, note);
  }
  const completed = { responses: 'enough answers', timeout: 'at its deadline', explicit: 'set by a caller' };
  const reason = completed[task['completion_reason'] as keyof typeof completed];
  add(task['completed_at'], 'Completed', reason);
  for (const [uid, evaluation] of entriesOf(task['evaluations'])) {
    add(evaluation['received_at'], `Evaluation by validator ${uid} accepted`);
  }
  if (task['status'] === 'failed' && task['completed_at'] == null) {
    add(task['updated_at'], 'Failed', 'too few answers at its deadline, or set by a caller');
  }
  add(task['written_at'], 'Last written to Firestore');
  return found.sort((a, b) => a.atMs - b.atMs);
}

/** The answers, the best first, then those that count by the time they came. */
export function answersOf(task: Task): Answer[] {
  const best = (task['best_response'] as { miner_uid?: unknown } | null | undefined)?.miner_uid;
  return entriesOf(task['miner_responses'])
    .map(([uid, answer]) => ({
      uid,
      isBest: best !== undefined && String(best) === uid,
      counts: answer['counted'] !== false,
      receivedAtMs: timeOf(answer['received_at']),
      submittedAtMs: timeOf(answer['submitted_at']),
      processingSeconds: numberOf(answer['processing_time']),
      accuracy: numberOf(answer['accuracy_score']),
      speed: numberOf(answer['speed_score']),
      hotkey: textOf(answer['hotkey']),
      data: answer['response_data'],
      leftOutBytes: numberOf((answer['response_body'] as { bytes?: unknown } | undefined)?.bytes),
    }))
    .sort((a, b) => rank(a) - rank(b) || (a.receivedAtMs ?? 0) - (b.receivedAtMs ?? 0));
}

export function evaluationsOf(task: Task): { uid: string; data: unknown }[] {
  return entriesOf(task['evaluations']).map(([uid, evaluation]) => ({
    uid,
    data: evaluation['evaluation_data'] ?? evaluation['evaluation_body'] ?? evaluation,
  }));
}

/** Fields that are shown in a place of their own. */
const shownApart = new Set([
  ...['task_id', 'task_type', 'status', 'created_at', 'updated_at', 'written_at', 'completed_at'],
  ...['distributed_at', 'first_response_at', 'completion_reason', 'miner_responses', 'evaluations'],
  ...['best_response', 'response_count', 'required_miner_count', 'min_miner_count'],
]);

/** The fields that callers set, by name: those that are null are left out. */
export function fieldsOf(task: Task): [name: string, value: unknown][] {
  return Object.entries(task).filter(([name, value]) => !shownApart.has(name) && value !== null);
}

function rank({ isBest, counts }: Answer): number {
  return isBest ? 0 : counts ? 1 : 2;
}

function assignedTo(miners: unknown): string | undefined {
  if (!Array.isArray(miners) || miners.length === 0) return undefined;
  const shown = miners.slice(0, 8).join(', ');
  const more = miners.length > 8 ? ` and ${miners.length - 8} more` : '';
  return `to ${miners.length === 1 ? 'miner' : 'miners'} ${shown}${more}`;
}

/** The parts of a map that are maps themselves. */
function entriesOf(value: unknown): [string, Readonly<Record<string, unknown>>][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).filter(([, part]) => typeof part === 'object' && part !== null);
}

function timeOf(value: unknown): number | undefined {
  const ms = typeof value === 'number' ? value : typeof value === 'string' ? Date.parse(value) : Number.NaN;
  // A Date holds no moment that is farther away: somebody else's number counts something else.
  return Number.isNaN(new Date(ms).getTime()) ? undefined : ms;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
