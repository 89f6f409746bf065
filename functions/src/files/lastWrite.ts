import * as z from 'zod/mini';
import { within } from '../platform/clock.ts';
import { AppError, messageOf } from '../platform/errors.ts';
import { parsedJson } from '../platform/json.ts';
import type { ObjectStore } from '../platform/objects.ts';
import { cachedFor, once } from '../platform/once.ts';
import { noteMs, noteWaitMs, quietAfterMs } from './limits.ts';
import type { FileParts } from './parts.ts';

/**
 * The record of when a file's document was last written, to the hour, which lets cleanup leave Firestore alone while
 * nothing there can be due: null once all is long ago and no document expires.
 */
const recordObject = 'control/files-written.json';

const form = once(() => z.object({ written_at: z.nullable(z.iso.datetime()) }));

/** Adds to parts of files that they note what they write, once an hour for each process; a note that fails is none. */
export function notingWrites(parts: FileParts): FileParts {
  const { objects, documents, index, clock, logger } = parts;
  const late = (): Error => new AppError('unavailable', 'Cloud Storage takes too long.');
  const put = cachedFor(clock, noteMs, () => {
    const writtenAt = new Date(clock.now()).toISOString();
    return within(clock, noteWaitMs, putRecord(objects, writtenAt), late);
  });
  const note = async (): Promise<void> => {
    try {
      await put();
    } catch (error) {
      logger.warn('A write of a file’s document is not noted', { reason: messageOf(error) });
    }
  };
  const noted = async <Result>(write: Promise<Result>): Promise<Result> =>
    (await Promise.all([write, note()]))[0];
  return {
    ...parts,
    documents: { ...documents, commit: (writes, purpose) => noted(documents.commit(writes, purpose)) },
    index: { write: (record, options) => noted(index.write(record, options)) },
  };
}

/** The record as it is found. */
export interface LastWrite {
  isQuiet: boolean;
  /** True where no document that was accepted can still be on its way. */
  isLongAgo: boolean;
  generation: string;
}

/** Reads the record. Where there is none, nothing was noted; one that is not understood may be of this moment. */
export async function lastWrite(objects: Pick<ObjectStore, 'get'>, nowMs: number): Promise<LastWrite> {
  const stored = await objects.get(recordObject);
  if (stored === undefined) return { isQuiet: false, isLongAgo: true, generation: '0' };
  const { data } = form().safeParse(parsedJson(stored.bytes));
  const isQuiet = data?.written_at === null;
  const writtenMs = data?.written_at ? Date.parse(data.written_at) : nowMs;
  return { isQuiet, isLongAgo: isQuiet || nowMs - writtenMs > quietAfterMs, generation: stored.generation };
}

/** Keeps that nothing can be due, unless something was written since. */
export async function keepQuiet(objects: Pick<ObjectStore, 'put'>, { generation }: LastWrite): Promise<void> {
  try {
    await putRecord(objects, null, generation);
  } catch (error) {
    if (!(error instanceof AppError && error.code === 'conflict')) throw error;
  }
}

async function putRecord(
  objects: Pick<ObjectStore, 'put'>,
  writtenAt: string | null,
  ifGeneration?: string,
): Promise<void> {
  await objects.put(recordObject, Buffer.from(JSON.stringify({ written_at: writtenAt })), {
    contentType: 'application/json',
    ...(ifGeneration === undefined ? {} : { ifGeneration }),
  });
}
