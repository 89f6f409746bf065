import {
  type Carrier,
  type CarrierHeader,
  carrierOf,
  carrierToWire,
  eventLine,
  foldText,
  maxCarrierBytes,
  packedCarrierBytes,
} from '../events/carrier.ts';
import { schemaOf } from '../events/carrierVersion.ts';
import type { Event } from '../events/event.ts';
import type { Stamp } from '../events/stamp.ts';
import type { TaskQueue } from '../platform/cloudTasks.ts';
import { AppError, messageOf } from '../platform/errors.ts';
import type { Using } from '../platform/services.ts';
import { CircuitBreaker } from './breaker.ts';
import { breakerOpenMs, breakerThreshold } from './limits.ts';
import { type QueueName, spoolRecord } from './spool.ts';
import { spoolName } from './spoolName.ts';

/** Compressed event lines and what a carrier says about them. */
type Contents = Omit<CarrierHeader, 'dueMs'> & { packed: Buffer };

export interface OutboxOptions extends Using<'clock' | 'ids' | 'logger' | 'objects'> {
  queues: Readonly<Record<QueueName, TaskQueue>>;
}

/** The way carriers leave a process: to Cloud Tasks, or while that fails to the spool in Cloud Storage. */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #breaker: CircuitBreaker;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#breaker = new CircuitBreaker(options.clock, breakerThreshold, breakerOpenMs);
  }

  /**
   * Sends one carrier. Resolves when Cloud Tasks, or else Cloud Storage, confirmed it.
   * @throws AppError `unavailable` when neither did; the carrier may be kept all the same.
   */
  send(queue: QueueName, carrier: Carrier): Promise<void> {
    return this.sendData(queue, carrierToWire(carrier), carrier.dueMs);
  }

  /**
   * Sends a carrier as it is, of whatever version, but for the time at which it is due. Otherwise as
   * {@link Outbox.send}.
   */
  async sendData(queue: QueueName, carrier: object, dueMs: number): Promise<void> {
    const data: Record<string, unknown> = { ...carrier, due_ms: dueMs };
    const { queues, logger, objects, ids } = this.#options;
    let failure: unknown = new Error('Cloud Tasks failed repeatedly and is left alone for a moment.');
    if (this.#breaker.allows()) {
      try {
        const sent = await queues[queue].put(data, dueMs);
        this.#breaker.succeeded();
        logger.debug('Sent a carrier', () => ({
          queue,
          sent_carrier: sent,
          count: data['count'],
          due_ms: dueMs,
        }));
        return;
      } catch (error) {
        this.#breaker.failed();
        failure = error;
      }
    }
    logger.warn('Cloud Tasks refused a carrier; spooling it to Cloud Storage', {
      queue,
      count: data['count'],
      reason: messageOf(failure),
    });
    const options = { contentType: 'application/json', ifGeneration: '0' };
    try {
      await objects.put(spoolName(ids.uuid()), spoolRecord(queue, dueMs, data), options);
    } catch (cause) {
      throw new AppError('unavailable', 'Neither Cloud Tasks nor Cloud Storage confirmed; send it again.', {
        cause,
      });
    }
  }

  /** Sends events as one carrier, or an object and a carrier that points to it. Otherwise as {@link Outbox.send}. */
  async sendContents(queue: QueueName, contents: Contents, dueMs: number): Promise<void> {
    if (packedCarrierBytes({ ...contents, dueMs }) <= maxCarrierBytes) {
      return this.send(queue, carrierOf({ ...contents, dueMs }));
    }
    const { clock, ids, objects } = this.#options;
    const object = `bodies/carriers/${ids.uuid()}`;
    await objects.put(object, contents.packed, { customTimeMs: clock.now() });
    const { packed: _, ...header } = contents;
    return this.send(queue, carrierOf({ ...header, object, dueMs }));
  }
}

/** Packs events, of which the oldest has this stamp, as a carrier's contents. */
export async function packEvents(events: readonly Event[], oldest: Stamp | undefined): Promise<Contents> {
  return {
    schema: schemaOf(events),
    ...(await foldText(events.map(eventLine).join('\n'))),
    count: events.length,
    oldest,
  };
}
