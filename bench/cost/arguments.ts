import { parseArgs } from 'node:util';
import { batchSeconds, profileNames } from './coefficients.ts';
import type { Traffic } from './month.ts';

export const usageText = `Usage: npm run cost -- --tasks-per-day N [options]

Prints a month's bill for your traffic, from what the bench measured (bench/coefficients.json), and what would
make it smaller. A task is created, changed once and answered.

  --tasks-per-day N       tasks of a day (required; 0: the idle bill)
  --responses N           responses of a task, 1 to 256 (3)
  --response-bytes N      bytes of a response's JSON, to 8388608 (1700, the mean of the trace)
  --hours-a-day N         hours over which the tasks come evenly, 1 to 24 (24)
  --batch-seconds N       0: each event is a request; 2 or 5: POST /v1/events sends what came in that time (0)
  --profile NAME          default or small: the functions' sizes (default)
  --miners N              miners that poll for their tasks, to 65536 (0)
  --polls-per-minute N    polls of each miner, to 600 (12)
  --poll-bytes N          bytes of a poll's answer before it is compressed (500)
  --poll-cache-seconds N  POLL_CACHE_SECONDS, 0 to 30 (5)
  --no-request-logs       Cloud Logging excludes the functions' request logs (docs/cost.md)
  --json                  prints JSON
  --help`;

/** Arguments that cannot be taken, with what was expected. */
export class UsageError extends Error {}

export type Asked = 'help' | { traffic: Traffic; isJson: boolean };

/** Reads the command's arguments. @throws UsageError for what is unknown, missing or out of its range. */
export function readArguments(args: readonly string[]): Asked {
  const given = parsed(args);
  if (given['help'] === true) return 'help';
  if (given['tasks-per-day'] === undefined) throw new UsageError('--tasks-per-day is missing.');
  const number = (name: string, fallback: number, least: number, most: number): number =>
    numberOf(name, given[name], fallback, least, most);
  const integer = (name: string, fallback: number, least: number, most: number): number => {
    const value = number(name, fallback, least, most);
    if (!Number.isInteger(value)) throw new UsageError(`--${name} is ${value}: expected an integer.`);
    return value;
  };
  const seconds = number('batch-seconds', 0, 0, 60);
  const traffic: Traffic = {
    tasksPerDay: number('tasks-per-day', 0, 0, 100_000_000),
    responsesPerTask: integer('responses', 3, 1, 256),
    responseBytes: integer('response-bytes', 1700, 1, 8 * 2 ** 20),
    hoursADay: number('hours-a-day', 24, 1, 24),
    batchSeconds: oneOf('batch-seconds', seconds, batchSeconds),
    profile: oneOf('profile', given['profile'] ?? 'default', profileNames),
    miners: integer('miners', 0, 0, 65_536),
    pollsPerMinute: number('polls-per-minute', 12, 0, 600),
    pollBytes: integer('poll-bytes', 500, 0, 32 * 2 ** 20),
    pollCacheSeconds: integer('poll-cache-seconds', 5, 0, 30),
    excludesRequestLogs: given['no-request-logs'] === true,
  };
  return { traffic, isJson: given['json'] === true };
}

function parsed(args: readonly string[]): Record<string, string | boolean | undefined> {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        'tasks-per-day': text,
        responses: text,
        'response-bytes': text,
        'hours-a-day': text,
        'batch-seconds': text,
        profile: text,
        miners: text,
        'polls-per-minute': text,
        'poll-bytes': text,
        'poll-cache-seconds': text,
        'no-request-logs': flag,
        json: flag,
        help: flag,
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function numberOf(
  name: string,
  given: string | boolean | undefined,
  fallback: number,
  least: number,
  most: number,
): number {
  if (given === undefined) return fallback;
  const value = /^\d+(\.\d+)?$/.test(String(given)) ? Number(given) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new UsageError(`--${name} is ${given}: expected a number from ${least} to ${most}.`);
}

function oneOf<Value extends string | number>(
  name: string,
  given: unknown,
  allowed: readonly Value[],
): Value {
  const found = allowed.find((value) => value === given);
  if (found !== undefined) return found;
  throw new UsageError(`--${name} is ${given}: expected ${allowed.join(' or ')}.`);
}
