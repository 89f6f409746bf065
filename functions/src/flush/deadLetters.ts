import { type Event, targetOf } from '../events/event.ts';
import type { Clock } from '../platform/clock.ts';
import { AppError, messageOf } from '../platform/errors.ts';
import { sha256Hex } from '../platform/ids.ts';
import type { Logger } from '../platform/logger.ts';
import type { ObjectStore } from '../platform/objects.ts';
import { mapPool } from '../platform/pool.ts';
import { neverExpiresMs, withBodyInside } from '../staging/bodies.ts';
import { deadLetterName } from '../staging/deadLetterName.ts';
import { lettersAtOnce } from './limits.ts';

/** The engine's reasons for giving an event up; kinds of documents have reasons of their own. */
type Reason =
  | 'unreadable'
  | 'unknown_version'
  | 'too_old'
  | 'refused_by_firestore'
  | 'fails_repeatedly'
  | (string & {});

/** A dead letter: an event, or what stood in an event's place, that can never be applied. */
export interface DeadLetter {
  reason: Reason;
  /** For a person: what was expected and what came. */
  detail: string;
  /** A service's own words, for the log alone. */
  cause?: unknown;
  content: { event: Event } | { raw: string } | { carrier: Record<string, unknown> };
}

/** Keeps dead letters in Cloud Storage, each under a name made from its content: a redelivery writes the same one. */
export class DeadLetters {
  readonly #parts: { objects: ObjectStore; clock: Clock; logger: Logger };

  constructor(parts: { objects: ObjectStore; clock: Clock; logger: Logger }) {
    this.#parts = parts;
  }

  /**
   * Keeps a dead letter. Throws AppError `unavailable` where Cloud Storage does not; the event
   * must stay elsewhere then.
   */
  async keep({ reason, detail, cause, content }: DeadLetter): Promise<void> {
    if (!('event' in content)) await this.#keepBodies(content);
    const whole =
      'event' in content ? { event: await withBodyInside(content.event, this.#parts.objects) } : content;
    const id = sha256Hex(JSON.stringify(content));
    const letter = { id, reason, detail, at: new Date(this.#parts.clock.now()).toISOString(), ...whole };
    const options = { contentType: 'application/json', ifGeneration: '0' };
    try {
      await this.#parts.objects.put(deadLetterName(id), Buffer.from(JSON.stringify(letter)), options);
    } catch (error) {
      // It is kept already, with its body, whose object may be gone by now.
      if (!(error instanceof AppError && error.code === 'conflict')) throw error;
      return;
    }
    const target = 'event' in content ? targetOf(content.event) : undefined;
    const said = cause === undefined ? {} : { cause: messageOf(cause) };
    this.#parts.logger.error('Kept a dead letter', { id, reason, detail, target, ...said });
  }

  /** Bodies of an unreadable event cannot be put inside, so they stay where it says they are. */
  async #keepBodies(content: { raw: string } | { carrier: Record<string, unknown> }): Promise<void> {
    const text = 'raw' in content ? content.raw : JSON.stringify(content.carrier);
    const names = new Set([...text.matchAll(/"(bodies\/[^"\\]+)"/g)].map(([, name = '']) => name));
    await mapPool([...names], lettersAtOnce, (name) =>
      this.#parts.objects.setCustomTime(name, neverExpiresMs),
    );
  }
}

/** Makes the dead letter of an event that came too late to be judged. */
export function undecidable(event: Event): DeadLetter {
  const detail =
    'The document has forgotten the stamps of this time, so that a later operation may have come before.';
  return { reason: 'too_old', detail, content: { event } };
}
