import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { join } from 'node:path';
import type { LocalClock, LocalTimer } from '../shared/clock.ts';
import type { Log } from '../shared/log.ts';
import { readLines, writeLines } from '../shared/snapshot.ts';
import type { StorageEvent } from '../storage/index.ts';

interface StorageSubscriber {
  /** The function's name. */
  name: string;
  /** Such as `google.cloud.storage.object.v1.finalized`. */
  eventType: string;
  /** True where a failed delivery is repeated, for a day. */
  retry: boolean;
  /** The function's address. */
  url: string;
}

/** An event that a function has not taken yet. */
interface Delivery {
  subscriberName: string;
  event: StorageEvent;
  id: string;
  /** The pause after the next failure. */
  retryMs: number;
}

const snapshotFile = 'events.jsonl';
const snapshotFormat = 'sluice-events 1';

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
  readonly #pending = new Set<Delivery>();
  readonly #random: () => number;
  #twiceShare = 0;
  #running = 0;
  #isClosed = false;

  constructor(options: {
    clock: LocalClock;
    log: Log;
    subscribers: readonly StorageSubscriber[];
    random?: () => number;
  }) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#subscribers = options.subscribers;
    this.#random = options.random ?? Math.random;
  }

  /**
   * Events are promised at least once: from now on this share of them comes again, with the same id, after it was
   * taken.
   */
  setTwiceShare(twiceShare: number): void {
    this.#twiceShare = twiceShare;
  }

  /** Deliveries that are not answered yet. */
  inFlight(): number {
    return this.#running;
  }

  publish(event: StorageEvent): void {
    const id = randomUUID();
    for (const subscriber of this.#subscribers) {
      if (subscriber.eventType !== event.type) continue;
      void this.#deliver(subscriber, { subscriberName: subscriber.name, event, id, retryMs: firstRetryMs });
    }
  }

  /** Writes what is not taken yet to a file in the directory. */
  exportState(directory: string): Promise<void> {
    return writeLines(join(directory, snapshotFile), snapshotFormat, this.#pending);
  }

  /**
   * Delivers what {@link exportState} wrote, to functions that there still are.
   * @throws SnapshotError when it cannot be read.
   */
  async importState(directory: string): Promise<void> {
    const read: Delivery[] = [];
    for await (const delivery of readLines<Delivery>(join(directory, snapshotFile), snapshotFormat))
      read.push(delivery);
    for (const delivery of read) {
      const subscriber = this.#subscribers.find(({ name }) => name === delivery.subscriberName);
      if (subscriber !== undefined) void this.#deliver(subscriber, delivery);
    }
  }

  /** Ends all deliveries; events that are not taken yet can still be exported. */
  close(): void {
    this.#isClosed = true;
    for (const timer of this.#retries) this.#clock.clearTimeout(timer);
    this.#retries.clear();
  }

  async #deliver(
    subscriber: StorageSubscriber,
    delivery: Delivery,
    { isRepetition = false } = {},
  ): Promise<void> {
    const { event, id, retryMs } = delivery;
    this.#pending.add(delivery);
    this.#running += 1;
    let status = 0;
    try {
      status = await call(subscriber.url, cloudEvent(event, id));
    } catch {
      // Not reached: as good as an error.
    }
    this.#running -= 1;
    if (status >= 200 && status < 300) {
      this.#pending.delete(delivery);
      if (!isRepetition && !this.#isClosed && this.#random() < this.#twiceShare)
        void this.#deliver(subscriber, delivery, { isRepetition: true });
      return;
    }
    // It failed because everything ends: nobody refused it.
    if (this.#isClosed) return;
    this.#log('events', { severity: 'ERROR', message: `${subscriber.name} answered ${status} to an event.` });
    if (!subscriber.retry || this.#clock.now() - event.atMs > retriedForMs) {
      this.#pending.delete(delivery);
      return;
    }
    delivery.retryMs = Math.min(retryMs * 2, longestRetryMs);
    const timer = this.#clock.setTimeout(() => {
      this.#retries.delete(timer);
      void this.#deliver(subscriber, delivery, { isRepetition });
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
