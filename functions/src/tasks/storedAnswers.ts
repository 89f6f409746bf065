import type { MinerResponse } from '../events/event.ts';
import { type Stamp, stampMs } from '../events/stamp.ts';
import type { Fields } from '../platform/documents.ts';
import { fieldForJson, isMap, jsonFromFields } from '../platform/values.ts';
import { bodyReference } from '../staging/bodies.ts';
import { adoptedStamp } from './adoptedStamp.ts';
import type { ShownAnswer } from './answers.ts';
import type { TaskMeta } from './meta.ts';
import { type Answer, countsAlways, type Stamped, type TaskState } from './state.ts';

/** The answers that a stored document holds. */
export function storedAnswers(document: Fields, meta: TaskMeta): Answer[] {
  const keys = new Map(
    Object.entries(meta.fromKeys ?? {}).flatMap(([key, uids]) =>
      uids.map((uid) => [String(uid), key] as const),
    ),
  );
  const own = storedResponses(document['miner_responses']).map(([uid, stored]) =>
    meta.responses[uid] === undefined
      ? answerIfNamed(uid, stored, meta)
      : answerAlways(uid, stored, meta.responses[uid], keys.get(uid)),
  );
  const superseded = storedResponses(document['superseded_responses']).map(([uid, stored]) => {
    const answer = answerIfNamed(uid, stored, meta);
    // Code that knows no keys may have written the document since.
    return answer.minerKey === undefined ? { ...answer, minerKey: 'unknown' } : answer;
  });
  return [...own, ...superseded];
}

function answerAlways(uid: string, stored: Fields, stamp: Stamp, minerKey?: string): Answer {
  const source = minerKey === undefined ? {} : { minerKey, countsUnassigned: true as const };
  return { value: responseFromFields(Number(uid), stored), stamp, ...source };
}

/** An answer without a known key is a proxy's, or another system's. */
function answerIfNamed(uid: string, stored: Fields, { ifNamed = {} }: TaskMeta): Answer {
  const [minerKey, stamps] = Object.entries(ifNamed).find(([, each]) => uid in each) ?? [];
  const stamp = stamps?.[uid];
  if (minerKey === undefined || stamp === undefined) {
    return answerAlways(uid, stored, adoptedResponseStamp(stored));
  }
  return { value: responseFromFields(Number(uid), stored), stamp, minerKey };
}

/** The stamps of a state's answers, and where they came from. */
export function answerStamps(state: TaskState): Pick<TaskMeta, 'responses' | 'fromKeys' | 'ifNamed'> {
  const responses: Record<string, Stamp> = {};
  const fromKeys = new Map<string, number[]>();
  const ifNamed = new Map<string, Record<string, Stamp>>();
  for (const answer of state.responses.values()) {
    const { minerKey, stamp, value } = answer;
    const uid = uidOf(answer);
    if (countsAlways(answer)) {
      responses[uid] = stamp;
      if (minerKey !== undefined)
        fromKeys.set(minerKey, [...(fromKeys.get(minerKey) ?? []), value.miner_uid]);
    } else if (minerKey !== undefined) ifNamed.set(minerKey, { ...ifNamed.get(minerKey), [uid]: stamp });
  }
  return {
    responses,
    ...(fromKeys.size > 0 ? { fromKeys: Object.fromEntries(fromKeys) } : {}),
    ...(ifNamed.size > 0 ? { ifNamed: Object.fromEntries(ifNamed) } : {}),
  };
}

/** Responses as they are stored, by uid: a map, or a list from another system. */
export function storedResponses(stored: unknown): [uid: string, stored: Fields][] {
  if (Array.isArray(stored)) return stored.filter(isMap).map((each) => [String(each['miner_uid']), each]);
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

export function responseFromFields(uid: number, stored: Fields): MinerResponse {
  const submitted = stored['submitted_at'];
  const body = bodyReference(stored['response_body']);
  return {
    miner_uid: uid,
    ...(body === undefined ? { response_data: jsonFromFields(stored)['response_data'] ?? null } : { body }),
    submitted_at_ms: submitted instanceof Date ? submitted.getTime() : 0,
    processing_time: numberOf(stored['processing_time']),
    accuracy_score: numberOf(stored['accuracy_score']),
    speed_score: numberOf(stored['speed_score']),
    hotkey: typeof stored['hotkey'] === 'string' ? stored['hotkey'] : null,
    status: typeof stored['status'] === 'string' ? stored['status'] : 'completed',
  };
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

export function adoptedResponseStamp({ received_at, submitted_at }: Fields): Stamp {
  return adoptedStamp(received_at ?? submitted_at);
}
