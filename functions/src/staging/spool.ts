import { z } from 'zod';
import type { TaskQueue } from '../platform/cloudTasks.ts';
import { messageOf } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import { type ObjectStore, ownObjects } from '../platform/objects.ts';
import { breakerThreshold, maxSweptCarriers } from './limits.ts';
import { isSpoolName, spoolPrefix } from './spoolRecord.ts';

/** Strict: whoever writes more into it writes another version. */
const record = z.strictObject({
  queue: z.enum(['flush', 'expire']),
  due_ms: z.number(),
  data: z.record(z.string(), z.unknown()),
});

/** Whether no carrier waits in the spool: one list call. */
export async function isSpoolEmpty(objects: Pick<ObjectStore, 'list'>): Promise<boolean> {
  return !(await objects.list(spoolPrefix, { limit: maxSweptCarriers })).some(({ name }) =>
    isSpoolName(name),
  );
}

export interface SweepOptions {
  objects: ObjectStore;
  queues: Readonly<Record<'flush' | 'expire', TaskQueue>>;
  logger: Logger;
}

/**
 * Puts spooled carriers back into Cloud Tasks, each before its object is deleted: a crash between costs a second
 * copy, which the flusher knows by its stamps. A carrier that Cloud Tasks refuses stays for the next sweep; several
 * refusals in a row mean that it is down, and end this one. What is no carrier of this version stays as it is. Returns how
 * many went back.
 */
export async function sweepSpool({ objects, queues, logger }: SweepOptions): Promise<number> {
  let swept = 0;
  let refusals = 0;
  const spooled = { isOwn: isSpoolName, limit: maxSweptCarriers };
  for await (const { name } of ownObjects(objects, spoolPrefix, spooled)) {
    if (swept >= maxSweptCarriers) break;
    const stored = await objects.get(name);
    if (stored === undefined) continue;
    const parsed = record.safeParse(parseJson(stored.bytes));
    if (parsed.success) {
      const { queue, due_ms: dueMs, data } = parsed.data;
      try {
        await queues[queue].put(data, dueMs);
      } catch (error) {
        logger.warn('Cloud Tasks refuses a spooled carrier; it stays', { name, reason: messageOf(error) });
        refusals += 1;
        if (refusals >= breakerThreshold) return swept;
        continue;
      }
      refusals = 0;
      swept += 1;
    } else {
      logger.error('What is in spool/ is no carrier of this version; it stays', { name });
      continue;
    }
    await objects.delete(name);
  }
  if (swept > 0) logger.info('Put the spool back into Cloud Tasks', { carriers: swept });
  return swept;
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
