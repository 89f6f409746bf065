/** The folder of dead letters. */
export const deadLettersPrefix = 'dead-letters/';

const suffix = '.json';

export function deadLetterName(id: string): string {
  return `${deadLettersPrefix}${id}${suffix}`;
}

/** True for a possible id of a dead letter: by an event's content, or by an object that 0.1.0 found in the spool. */
export function isDeadLetterId(id: string): boolean {
  return /^(?:[0-9a-f]{64}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.test(id);
}

/** True for an object that may be a dead letter: the folder may have been there before. */
export function isDeadLetterName(name: string): boolean {
  return name.endsWith(suffix) && isDeadLetterId(deadLetterId(name));
}

/** The id of a dead letter, by its object's name. */
export function deadLetterId(name: string): string {
  return name.slice(deadLettersPrefix.length, name.endsWith(suffix) ? -suffix.length : undefined);
}
