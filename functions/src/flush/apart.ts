import { append } from '../platform/arrays.ts';
import { DocumentError } from '../platform/documents.ts';
import { AppError } from '../platform/errors.ts';
import { maxPlansApart } from './limits.ts';

/** Events of a document by what becomes of them when they are planned. */
interface Apart<E, Planned> {
  sound: E[];
  /** The plans of the sound events, in one or more parts. */
  plans: Planned[];
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
 * Plans events together; where our own code breaks on them, by halves, in at most {@link maxPlansApart} plans.
 * @throws what is not our own fault.
 */
export async function apart<E, Planned>(
  events: E[],
  plan: (events: E[]) => Promise<Planned>,
): Promise<Apart<E, Planned>> {
  const found: Apart<E, Planned> = { sound: [], plans: [], bad: new Map(), rest: [] };
  const parts = [events];
  for (let planned = 0; ; planned += 1) {
    const part = parts.pop();
    if (part === undefined) return found;
    if (planned >= maxPlansApart) {
      append(found.rest, part);
      continue;
    }
    try {
      found.plans.push(await plan(part));
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
