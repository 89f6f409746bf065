import { append } from '../platform/arrays.ts';
import { DocumentError } from '../platform/documents.ts';
import { AppError } from '../platform/errors.ts';
import { maxPlansApart } from './limits.ts';

/** Events of a document by what becomes of them when they are planned. */
export interface Apart<E> {
  sound: E[];
  /** Our own code throws on these, each by itself. */
  bad: Map<E, unknown>;
  /** Nobody looked at these. */
  rest: E[];
}

/** True where our own code threw: services and other versions have errors of their own. */
export function isOwnFault(error: unknown): boolean {
  return !(error instanceof AppError) && !(error instanceof DocumentError);
}

/**
 * Finds by halves the events that our own code breaks on, in at most {@link maxPlansApart} plans.
 * @throws what is not our own fault.
 */
export async function apart<E>(
  events: readonly E[],
  plan: (events: E[]) => Promise<unknown>,
): Promise<Apart<E>> {
  const found: Apart<E> = { sound: [], bad: new Map(), rest: [] };
  const parts: E[][] = [[...events]];
  for (let plans = 0; ; plans += 1) {
    const part = parts.pop();
    if (part === undefined) return found;
    if (plans >= maxPlansApart) {
      append(found.rest, part);
      continue;
    }
    try {
      await plan(part);
      append(found.sound, part);
    } catch (error) {
      if (!isOwnFault(error)) throw error;
      const [first] = part;
      const middle = Math.ceil(part.length / 2);
      if (part.length > 1) parts.push(part.slice(middle), part.slice(0, middle));
      else if (first !== undefined) found.bad.set(first, error);
    }
  }
}
