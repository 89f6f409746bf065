import { Speakers, type SpeakersOptions } from '../../functions/src/tasks/speaker.ts';
import { ManualClock } from './clock.ts';
import { memoryLogger } from './logger.ts';

/** Speakers of keys, with the parameters' defaults. */
export function defaultSpeakers(changes: Partial<SpeakersOptions> = {}): Speakers {
  return new Speakers({
    strictBinding: false,
    countUnassignedAnswers: false,
    logger: memoryLogger(),
    clock: new ManualClock(),
    orphanKeys: { refusedUntilMs: () => undefined },
    ...changes,
  });
}
