/** Where dead letters are kept. */
export const deadLettersPrefix = 'dead-letters/';

const suffix = '.json';

export function deadLetterName(id: string): string {
  return `${deadLettersPrefix}${id}${suffix}`;
}

/** The id of a dead letter, by its object's name. */
export function deadLetterId(name: string): string {
  return name.slice(deadLettersPrefix.length, name.endsWith(suffix) ? -suffix.length : undefined);
}
