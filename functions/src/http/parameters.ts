import * as z from 'zod/mini';
import { expecting, integerOrText, optional, type Schema, withDefault } from './schema.ts';

/** Parameters of queries that mean the same wherever they stand; missing and empty ones are none. */

/** The most items of a page. */
export function limit({ most, otherwise }: { most: number; otherwise: number }): Schema<number> {
  return withDefault(integerOrText(1, most), otherwise);
}

/** The beginning of a page: the `next_cursor` of the one before. */
export function cursor(): Schema<string | undefined> {
  return optional(z.string());
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
