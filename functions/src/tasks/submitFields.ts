import { expected, readInteger } from '../http/fields.ts';
import { maxMinerUid } from './submitLimits.ts';

const taskIdPattern = /^[A-Za-z0-9._~:@-]{1,128}$/;

/** An id that is a Firestore document name and a URL segment as it stands. */
export function readTaskId(value: unknown): string {
  const isSafe =
    typeof value === 'string' &&
    taskIdPattern.test(value) &&
    value !== '.' &&
    value !== '..' &&
    !/^__.*__$/.test(value);
  if (!isSafe) throw expected('task_id', '1 to 128 characters of A-Z a-z 0-9 . _ ~ : @ -', value);
  return value;
}

/** 0 is a valid uid. `texts`: a number may come as text. */
export function readMinerUid(value: unknown, texts: boolean, name = 'miner_uid'): number {
  const uid = texts && typeof value === 'string' && /^\s*\d+\s*$/.test(value) ? Number(value) : value;
  return readInteger(uid, name, 0, maxMinerUid);
}
