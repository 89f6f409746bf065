import { isDeepStrictEqual } from 'node:util';
import type { DocumentData } from '@google-cloud/firestore';

/** A response as it was sent. */
export interface SentResponse {
  task_id: string;
  miner_uid: number;
  response_data: unknown;
  processing_time?: number;
  accuracy_score?: number;
  speed_score?: number;
}

/** A task and the responses to it, in the order in which they were accepted. */
export interface SentTask {
  task_id: string;
  required_miner_count: number;
  responses: SentResponse[];
}

/**
 * Finds faults in a task's document when all that was sent is written, all of it before the task's deadline, and
 * that deadline is still to come or `isPast`; nothing: undefined.
 */
export function faultOf(
  task: SentTask,
  document: DocumentData | undefined,
  deadline: { isPast: boolean },
): string | undefined {
  if (document === undefined) return 'there is no document';
  return (
    responsesFault(task, document) ??
    (deadline.isPast ? endedFault(task, document) : statusFault(task, document)) ??
    bestFault(task, document)
  );
}

/** Every miner's first response is there, once and unaltered, and no other. */
export function responsesFault({ responses }: SentTask, document: DocumentData): string | undefined {
  const first = firstOfEachMiner(responses);
  const stored: Record<string, DocumentData> = document['miner_responses'] ?? {};
  for (const { miner_uid: uid, ...sent } of first) {
    const kept = stored[String(uid)];
    if (kept === undefined) return `the response of miner ${uid} is missing`;
    if (!isDeepStrictEqual(kept['response_data'], sent.response_data))
      return `the response of miner ${uid} is altered`;
    for (const score of ['processing_time', 'accuracy_score', 'speed_score'] as const) {
      if (kept[score] !== (sent[score] ?? 0)) return `${score} of miner ${uid} is altered`;
    }
  }
  const count = Object.keys(stored).length;
  if (count !== first.length) return `${count} responses instead of ${first.length}`;
  return document['response_count'] === count ? undefined : `response_count is ${document['response_count']}`;
}

/** Every task has ended, with the responses it needs or at its deadline with those it has. */
function endedFault(
  { required_miner_count, responses }: SentTask,
  document: DocumentData,
): string | undefined {
  const count = firstOfEachMiner(responses).length;
  const expected = count === 0 ? 'failed' : 'completed';
  const reason = count >= required_miner_count ? 'responses' : 'timeout';
  const { status, completion_reason } = document;
  if (status !== expected) return `status is ${status} instead of ${expected}`;
  return count === 0 || completion_reason === reason
    ? undefined
    : `completed by ${completion_reason} instead of ${reason}`;
}

/** The status is what the responses make it. */
export function statusFault(task: SentTask, document: DocumentData): string | undefined {
  const count = firstOfEachMiner(task.responses).length;
  const expected = count >= task.required_miner_count ? 'completed' : count > 0 ? 'in_progress' : 'assigned';
  const { status } = document;
  return status === expected ? undefined : `status is ${status} instead of ${expected}`;
}

export function bestFault({ responses }: SentTask, document: DocumentData): string | undefined {
  let best: SentResponse | undefined;
  for (const response of firstOfEachMiner(responses)) {
    if (best === undefined || isBetter(response, best)) best = response;
  }
  const expected = best && { miner_uid: best.miner_uid, score: best.accuracy_score ?? 0 };
  return isDeepStrictEqual(document['best_response'] ?? undefined, expected)
    ? undefined
    : 'best_response is another';
}

function firstOfEachMiner(responses: readonly SentResponse[]): SentResponse[] {
  const first = new Map<number, SentResponse>();
  for (const response of responses) {
    if (!first.has(response.miner_uid)) first.set(response.miner_uid, response);
  }
  return [...first.values()];
}

function isBetter(a: SentResponse, b: SentResponse): boolean {
  const byAccuracy = (a.accuracy_score ?? 0) - (b.accuracy_score ?? 0);
  return byAccuracy > 0 || (byAccuracy === 0 && (a.speed_score ?? 0) > (b.speed_score ?? 0));
}
