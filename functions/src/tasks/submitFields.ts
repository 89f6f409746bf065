import * as z from 'zod/mini';
import { expecting, integer, integerOrText } from '../http/schema.ts';
import { maxMinerUid } from '../keys/limits.ts';
import { once } from '../platform/once.ts';

/** Limits of one request's submissions. */

export const maxResponsesPerRequest = 1000;
export const maxEventsPerRequest = 1000;

/** The longest text of a field, where nothing smaller holds; the body's limit is what counts. */
export const maxTextLength = 8 * 1024 * 1024;

/** A task's fields together, as JSON: its document holds 1 MiB, with the responses and their bookkeeping. */
export const maxTaskFieldsBytes = 512 * 1024;

export const maxAssignedMiners = 1024;
/** Inputs and further fields of one creation or change. */
export const maxOpenFields = 64;

/** An id that is a Firestore document name and a URL segment as it stands. */
export const taskId = once(() => {
  const { error } = expecting('1 to 128 characters of A-Z a-z 0-9 . _ ~ : @ -');
  const form = z.regex(/^(?!\.{1,2}$|__.*__$)[A-Za-z0-9._~:@-]{1,128}$/, { error });
  return z.string({ error }).check(form, z.meta({ examples: ['task-1'] }));
});

/** The id of a task in a path. */
export const taskInPath = () => z.object({ task_id: taskId() });

/** A miner's number in its subnet; 0 is one. */
export const minerUid = once(() => integer(0, maxMinerUid));
export const minerUidOrText = once(() => integerOrText(0, maxMinerUid));
