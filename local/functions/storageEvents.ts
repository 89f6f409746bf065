import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import type { LocalClock, LocalTimer } from '../shared/clock.ts';
import type { Log } from '../shared/log.ts';
import type { StorageEvent } from '../storage/index.ts';

export interface StorageSubscriber {
  /** The function's name. */
  name: string;
  /** Such as `google.cloud.storage.object.v1.finalized`. */
  eventType: string;
  /** Whether a failed delivery is repeated, for a day. */
  retry: boolean;
  /** The function's address. */
  url: string;
}

/** https://cloud.google.com/eventarc/docs/retry-events: 10 s at first, 600 s at most, for 24 hours. */
const firstRetryMs = 10_000;
const longestRetryMs = 600_000;
const retriedForMs = 24 * 3_600_000;

/** Eventarc on this machine: hands a bucket's events to the functions that asked for them. */
export class StorageEvents {
  readonly #clock: LocalClock;
  readonly #log: Log;
  readonly #subscribers: readonly StorageSubscriber[];
  readonly #retries = new Set<LocalTimer>();
  #running = 0;

  constructor(options: { clock: LocalClock; log: Log; subscribers: readonly StorageSubscriber[] }) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#subscribers = options.subscribers;
  }

  /** Deliveries that are not answered yet. */
  inFlight(): number {
    return this.#running;
  }

  publish(event: StorageEvent): void {
    const id = randomUUID();
    for (const subscriber of this.#subscribers) {
      if (subscriber.eventType === event.type) void this.#deliver(subscriber, event, id, firstRetryMs);
    }
  }

  close(): void {
    for (const timer of this.#retries) this.#clock.clearTimeout(timer);
    this.#retries.clear();
  }

  async #deliver(
    subscriber: StorageSubscriber,
    event: StorageEvent,
    id: string,
    retryMs: number,
  ): Promise<void> {
    this.#running += 1;
    let status = 0;
    try {
      status = await call(subscriber.url, cloudEvent(event, id));
    } catch {
      // Not reached: as good as an error.
    }
    this.#running -= 1;
    if (status >= 200 && status < 300) return;
    this.#log('events', { severity: 'ERROR', message: `${subscriber.name} answered ${status} to an event.` });
    if (!subscriber.retry || this.#clock.now() - event.atMs > retriedForMs) return;
    const timer = this.#clock.setTimeout(() => {
      this.#retries.delete(timer);
      void this.#deliver(subscriber, event, id, Math.min(retryMs * 2, longestRetryMs));
    }, retryMs);
    this.#retries.add(timer);
  }
}

function cloudEvent({ type, bucket, object, atMs }: StorageEvent, id: string): object {
  return {
    specversion: '1.0',
    id,
    type,
    source: `//storage.googleapis.com/projects/_/buckets/${bucket}`,
    subject: `objects/${String(object['name'])}`,
    time: new Date(atMs).toISOString(),
    datacontenttype: 'application/json',
    data: object,
  };
}

function call(url: string, event: object): Promise<number> {
  const body = JSON.stringify(event);
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/cloudevents+json',
      'content-length': Buffer.byteLength(body),
    };
    const outgoing = request(url, { method: 'POST', headers });
    outgoing.once('response', (answer) => {
      answer.once('close', () => resolve(answer.statusCode ?? 0));
      answer.resume();
    });
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}
