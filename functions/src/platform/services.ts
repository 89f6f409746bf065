import type { Clock } from './clock.ts';
import type { Ids } from './ids.ts';
import type { Logger } from './logger.ts';
import type { ObjectStore } from './objects.ts';

/** The services of a process that most of its parts need. */
export interface Services {
  clock: Clock;
  ids: Ids;
  logger: Logger;
  objects: ObjectStore;
}

/** The services of these names, in the options of whoever uses them. */
export type Using<Name extends keyof Services> = Pick<Services, Name>;
