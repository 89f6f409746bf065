import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { ObjectStore } from '../platform/objects.ts';
import type { Outbox } from '../staging/outbox.ts';
import type { Attempts } from './attempts.ts';
import type { Backoff } from './backoff.ts';
import type { DeadLetters } from './deadLetters.ts';

/** Parts of the engine that most of its functions need, one each in a process. */
export interface FlushParts {
  outbox: Outbox;
  deadLetters: DeadLetters;
  attempts: Attempts;
  backoff: Backoff;
  objects: ObjectStore;
  clock: Clock;
  logger: Logger;
}
