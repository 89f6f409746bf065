import { type Event, eventKey } from '../events/event.ts';
import type { Intake } from './intake.ts';

/** Deliveries that must come again, because something failed with an event of theirs. */
export class Failures {
  readonly #origins: Intake['origins'];
  readonly #byDelivery = new Map<number, unknown>();

  constructor(origins: Intake['origins']) {
    this.#origins = origins;
  }

  add(events: readonly Event[], error: unknown): void {
    for (const event of events)
      for (const index of this.#origins.get(eventKey(event)) ?? []) this.addDelivery(index, error);
  }

  /** Does the work; where it fails, the deliveries of these events must come again. */
  async meet(events: readonly Event[], work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.add(events, error);
    }
  }

  addDelivery(index: number, error: unknown): void {
    this.#byDelivery.set(index, error);
  }

  outcome(index: number): PromiseSettledResult<void> {
    return this.#byDelivery.has(index)
      ? { status: 'rejected', reason: this.#byDelivery.get(index) }
      : { status: 'fulfilled', value: undefined };
  }
}
