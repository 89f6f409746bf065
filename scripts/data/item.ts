/** A line of an export: its kind, where it was found, and what was there. */
export interface Item {
  kind:
    | 'task'
    | 'answer'
    | 'evaluation'
    | 'file'
    | 'body'
    | 'key'
    | 'event'
    | 'carrier'
    | 'spooled'
    | 'dead_letter'
    | 'unreadable';
  /** Document, object, or task of a queue. */
  source: string;
  [more: string]: unknown;
}

/** Most bytes of an object in one line; a larger one is several, each of which says its offset. */
export const maxLineBytes = 768 * 1024;
