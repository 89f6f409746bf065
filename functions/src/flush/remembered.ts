import { eventLine } from '../events/carrier.ts';
import { type Event, eventKey } from '../events/event.ts';
import { ByteCache } from '../platform/byteCache.ts';
import type { EventGroup, Kind } from './kind.ts';
import { maxRememberedBytes, maxWrittenBytes } from './limits.ts';

/** A document's events that are not ready, and when they will be, milliseconds since the epoch. */
export interface NotReady {
  group: EventGroup;
  dueMs: number;
}

/**
 * The events that this process remembers while their carriers wait in the queue: what completes a document writes them
 * too, and their carriers find them written. Memory is a hint: each event was put into a carrier before it is
 * remembered, so that forgetting it costs delay, or a read, and never the event.
 */
export class Remembered {
  readonly #waiting = new ByteCache<NotReady>(maxRememberedBytes);
  readonly #written = new ByteCache<true>(maxWrittenBytes);

  /** Adds to each document's events those that wait for the same document. */
  join(groups: readonly EventGroup[]): EventGroup[] {
    return groups.map((group) => {
      const waiting = this.#waiting.get(group.path)?.group.events;
      if (waiting === undefined) return group;
      const keys = new Set(group.events.map(eventKey));
      return {
        ...group,
        events: [...waiting.filter((event) => !keys.has(eventKey(event))), ...group.events],
      };
    });
  }

  /** The documents of a kind that wait, but for those of which something came. */
  others(kind: Kind, came: readonly EventGroup[]): NotReady[] {
    const paths = new Set(came.map(({ path }) => path));
    return this.#waiting
      .values()
      .filter(({ group: { path, events } }) => !paths.has(path) && events.some(kind.owns));
  }

  /** Remembers a document's events, all of which are in carriers. */
  wait(notReady: NotReady): void {
    const { path, events } = notReady.group;
    const bytes = events.reduce((sum, event) => sum + Buffer.byteLength(eventLine(event)) + entryBytes, 0);
    this.#waiting.set(path, notReady, bytes);
  }

  /**
   * Notes that these events of a document are written, and what follows that is done. What began to wait meanwhile, as
   * a carry was confirmed late, is left to its carriers.
   */
  written(path: string, events: readonly Event[]): void {
    const keys = new Set(events.map(eventKey));
    for (const event of this.#waiting.get(path)?.group.events ?? []) {
      const key = eventKey(event);
      if (keys.has(key)) this.#written.set(key, true, key.length + entryBytes);
    }
    this.forget(path);
  }

  /** Leaves what waits for this document to its carriers alone. */
  forget(path: string): void {
    this.#waiting.delete(path);
  }

  /** True where the event waited here and was written before its carrier came. */
  isWritten(event: Event): boolean {
    return this.#written.get(eventKey(event)) !== undefined;
  }
}

/** Bytes that an entry takes beside its key or its line. */
const entryBytes = 64;
