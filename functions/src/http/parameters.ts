import * as z from 'zod/mini';
import { DocumentError, type QueryResult } from '../platform/documents.ts';
import { AppError } from '../platform/errors.ts';
import { expecting, optional, queryInteger, type Schema, withDefault } from './schema.ts';

/** Parameters of queries that mean the same wherever they stand; missing and empty ones are none. */

/** The most items of a page. */
export function limit({ most, otherwise }: { most: number; otherwise: number }): Schema<number> {
  return withDefault(queryInteger(1, most), otherwise);
}

/** The beginning of a page: the `next_cursor` of the one before. */
export function cursor(): Schema<string | undefined> {
  return optional(z.string());
}

/**
 * Reads a page of documents. The filters and the limit are checked before, so whatever Firestore
 * finds invalid is the cursor.
 * @throws AppError `invalid_request` for a bad cursor.
 */
export async function readPage(query: Promise<QueryResult>, limit: number) {
  try {
    const { documents, cursor, billedReads: reads } = await query;
    return { documents, nextCursor: documents.length < limit ? undefined : cursor, reads };
  } catch (cause) {
    if (!(cause instanceof DocumentError && cause.failure === 'invalid')) throw cause;
    throw new AppError('invalid_request', 'cursor: expected a next_cursor of an earlier page.', { cause });
  }
}

/** True or false; false where it is missing. */
export function flag(): Schema<boolean> {
  return z.pipe(
    withDefault(z.enum(['true', 'false'], expecting('true or false')), 'false'),
    z.transform((text) => text === 'true'),
  );
}

/** The wait that accepted events may have for others to join their write: one of these, or `default`. */
export function visibility<const Choice extends string>(
  choices: readonly Choice[],
): Schema<Choice | 'default'> {
  const any: readonly (Choice | 'default')[] = [...choices, 'default'];
  return withDefault<Choice | 'default'>(z.enum(any, expecting(choices.join(' or '))), 'default');
}
