import { Speakers, type SpeakersOptions } from '../../functions/src/tasks/speaker.ts';
import { memoryLogger } from './logger.ts';

/** For whom keys speak, with the parameters' defaults. */
export function defaultSpeakers(changes: Partial<SpeakersOptions> = {}): Speakers {
  const options = { strictBinding: false, countUnassignedAnswers: false, logger: memoryLogger() };
  return new Speakers({ ...options, ...changes });
}
