import assert from 'node:assert/strict';
import { type Asked, readArguments, UsageError } from '../../../bench/cost/arguments.ts';
import { traffic } from './traffic.ts';

const read = (...args: string[]): Exclude<Asked, 'help'> => {
  const asked = readArguments(args);
  assert.ok(asked !== 'help');
  return asked;
};

describe('the arguments of npm run cost', () => {
  it('need the tasks alone', () => {
    assert.deepEqual(read('--tasks-per-day', '1440'), {
      isJson: false,
      traffic: { ...traffic, tasksPerDay: 1440 },
    });
  });

  it('may all be given, in either form', () => {
    const given =
      '--tasks-per-day=0.5 --responses 5 --response-bytes 9000 --hours-a-day 8 --batch-seconds 5 --profile small ' +
      '--miners 200 --polls-per-minute 6 --poll-bytes 2000 --poll-cache-seconds 30 --no-request-logs --json';
    assert.deepEqual(read(...given.split(' ')), {
      isJson: true,
      traffic: {
        tasksPerDay: 0.5,
        responsesPerTask: 5,
        responseBytes: 9000,
        hoursADay: 8,
        batchSeconds: 5,
        profile: 'small',
        miners: 200,
        pollsPerMinute: 6,
        pollBytes: 2000,
        pollCacheSeconds: 30,
        excludesRequestLogs: true,
      },
    });
  });

  it('ask for help, whatever else is missing', () => {
    assert.equal(readArguments(['--help']), 'help');
  });

  const refused: [string, RegExp][] = [
    ['', /--tasks-per-day is missing/],
    ['--tasks-per-day', /--tasks-per-day/],
    ['--tasks-per-day many', /--tasks-per-day is many: expected a number from 0 to 100000000/],
    ['--tasks-per-day=-1', /--tasks-per-day is -1: expected a number/],
    ['--tasks-per-day NaN', /--tasks-per-day is NaN: expected a number/],
    ['--tasks-per-day 1e3', /--tasks-per-day is 1e3: expected a number/],
    ['--tasks-per-day 1 --responses 0', /--responses is 0: expected a number from 1 to 256/],
    ['--tasks-per-day 1 --responses 2.5', /--responses is 2.5: expected an integer/],
    ['--tasks-per-day 1 --hours-a-day 25', /--hours-a-day is 25: expected a number from 1 to 24/],
    ['--tasks-per-day 1 --batch-seconds 3', /--batch-seconds is 3: expected 0 or 2 or 5/],
    ['--tasks-per-day 1 --profile tiny', /--profile is tiny: expected default or small/],
    [
      '--tasks-per-day 1 --poll-cache-seconds 31',
      /--poll-cache-seconds is 31: expected a number from 0 to 30/,
    ],
    ['--tasks-per-day 1 --task 3', /'--task'/],
    ['--tasks-per-day 1 --json=yes', /--json/],
    ['1440', /1440/],
  ];
  for (const [given, message] of refused) {
    it(`are refused: ${given === '' ? 'none' : given}`, () => {
      assert.throws(
        () => readArguments(given.split(' ').filter((word) => word !== '')),
        (error) => error instanceof UsageError && message.test(error.message),
      );
    });
  }
});
