import * as z from 'zod/mini';
import { integer, integerOrText, parsed } from '../http/schema.ts';
import { once } from '../platform/once.ts';
import { maxMinerUid } from './submitLimits.ts';

const taskIdPattern = /^(?!\.{1,2}$|__.*__$)[A-Za-z0-9._~:@-]{1,128}$/;

/** An id that is a Firestore document name and a URL segment as it stands. */
export const taskId = parsed(
  '1 to 128 characters of A-Z a-z 0-9 . _ ~ : @ -',
  (value) => (typeof value === 'string' && taskIdPattern.test(value) ? value : undefined),
  { type: 'string', pattern: taskIdPattern.source },
);

/** The id of a task in a path. */
export const taskInPath = () => z.object({ task_id: taskId });

/** A miner's number in its subnet; 0 is one. */
export const minerUid = once(() => integer(0, maxMinerUid));
export const minerUidOrText = once(() => integerOrText(0, maxMinerUid));
