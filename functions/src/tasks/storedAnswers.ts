import type { MinerResponse } from '../events/event.ts';
import { adoptedStamp, earliestStamp, type Stamp, stampMs } from '../events/stamp.ts';
import type { Fields } from '../platform/documents.ts';
import { fieldForJson, isMap, jsonFromFields } from '../platform/values.ts';
import { bodyReference } from '../staging/bodies.ts';
import type { ShownAnswer } from './answers.ts';
import { erasedAnswers } from './erasure.ts';
import type { TaskMeta } from './meta.ts';
import { type Answer, countsAlways, type Stamped, type TaskState } from './state.ts';

/** Reads the answers of a stored document. */
export function storedAnswers(document: Fields, meta: TaskMeta): Answer[] {
  const { responses, fromKeys = {} } = meta;
  const keys = new Map(
    Object.entries(fromKeys).flatMap(([key, uids]) => uids.map((uid) => [String(uid), key] as const)),
  );
  const own = storedResponses(document['miner_responses']).map(([uid, stored]): Answer => {
    const stamp = responses[uid];
    if (stamp === undefined) return answerIfNamed(uid, stored, meta);
    const answer = { value: responseFromFields(uid, stored), stamp };
    const minerKey = keys.get(uid);
    return minerKey === undefined ? answer : { ...answer, minerKey, countsUnassigned: true };
  });
  const superseded = storedResponses(document['superseded_responses']).map(([uid, stored]) => ({
    // Code that knows no keys may have written the document since.
    minerKey: 'unknown',
    ...answerIfNamed(uid, stored, meta),
  }));
  return [...own, ...superseded, ...(meta.erased === undefined ? [] : erasedAnswers(meta.erased))];
}

/** Reads an answer that counts if its miner is named; one without a known key is a proxy's, or another system's. */
function answerIfNamed(uid: string, stored: Fields, { ifNamed = {} }: TaskMeta): Answer {
  const [minerKey, stamps] = Object.entries(ifNamed).find(([, byUid]) => uid in byUid) ?? [];
  const stamp = stamps?.[uid];
  return minerKey === undefined || stamp === undefined
    ? adoptedAnswer(uid, stored)
    : { value: responseFromFields(uid, stored), stamp, minerKey };
}

/** An answer as another system stored it, older than any event of its time. */
export function adoptedAnswer(uid: string, stored: Fields): Stamped<MinerResponse> {
  const stamp = adoptedStampOf(stored['received_at'] ?? stored['submitted_at']);
  return { value: responseFromFields(uid, stored), stamp };
}

/** The adopted stamp of a stored time; the earliest of all where there is none. */
export function adoptedStampOf(at: unknown): Stamp {
  return at instanceof Date ? adoptedStamp(at.getTime()) : earliestStamp;
}

/** The stamps of a state's answers, and where they came from. */
export function answerStamps(state: TaskState): Pick<TaskMeta, 'responses' | 'fromKeys' | 'ifNamed'> {
  const answers = [...state.responses.values()].filter(({ isErased }) => !isErased);
  const always = answers.filter(countsAlways);
  return {
    responses: stampsByUid(always),
    fromKeys: byKey(always, (sent) => sent.map(({ value }) => value.miner_uid).sort((a, b) => a - b)),
    ifNamed: byKey(
      answers.filter((answer) => !countsAlways(answer)),
      stampsByUid,
    ),
  };
}

function stampsByUid(answers: readonly Answer[]): Record<string, Stamp> {
  return Object.fromEntries(answers.map((answer) => [uidOf(answer), answer.stamp]));
}

/** Something of the answers of each key of a miner; undefined where no such key sent any. */
function byKey<Value>(
  answers: readonly Answer[],
  of: (sent: Answer[]) => Value,
): Record<string, Value> | undefined {
  const groups = Map.groupBy(answers, ({ minerKey }) => minerKey);
  groups.delete(undefined);
  if (groups.size === 0) return undefined;
  return Object.fromEntries([...groups].map(([key, sent]) => [key, of(sent)]));
}

/** The responses of a stored field, by uid: a map, or a list from another system. */
export function storedResponses(stored: unknown): [uid: string, stored: Fields][] {
  if (Array.isArray(stored)) {
    return stored.filter(isMap).map((response) => [String(response['miner_uid']), response]);
  }
  return isMap(stored)
    ? Object.entries(stored).filter((entry): entry is [string, Fields] => isMap(entry[1]))
    : [];
}

export function uidOf({ value }: Stamped<MinerResponse>): string {
  return String(value.miner_uid);
}

/** The fields as readers see them: an answer that does not count says so. */
export function shownFields(answer: ShownAnswer): Fields {
  const fields = responseFields(answer);
  return answer.countsFrom === undefined ? { ...fields, counted: false } : fields;
}

export function responseFields({ value, stamp }: Stamped<MinerResponse>): Fields {
  const { response_data, body, submitted_at_ms, ...rest } = value;
  return {
    ...rest,
    submitted_at: new Date(submitted_at_ms),
    received_at: new Date(stampMs(stamp)),
    ...(body === undefined
      ? fieldForJson('response_data', response_data ?? null)
      : { response_body: { ...body } }),
  };
}

function responseFromFields(uid: string, stored: Fields): MinerResponse {
  const { submitted_at, hotkey, status } = stored;
  const body = bodyReference(stored['response_body']);
  return {
    miner_uid: Number(uid),
    ...(body === undefined ? { response_data: jsonFromFields(stored)['response_data'] ?? null } : { body }),
    submitted_at_ms: submitted_at instanceof Date ? submitted_at.getTime() : 0,
    processing_time: numberOf(stored['processing_time']),
    accuracy_score: numberOf(stored['accuracy_score']),
    speed_score: numberOf(stored['speed_score']),
    hotkey: typeof hotkey === 'string' ? hotkey : null,
    status: typeof status === 'string' ? status : 'completed',
  };
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
