import assert from 'node:assert/strict';
import { parseSchedule } from '../../local/scheduler/schedule.ts';

const next = (schedule: string, after: string, timeZone?: string): string =>
  new Date(parseSchedule(schedule, timeZone).nextMs(Date.parse(after))).toISOString();

describe('schedules', () => {
  it('reads intervals', () => {
    assert.equal(next('every 5 minutes', '2026-03-01T10:03:20Z'), '2026-03-01T10:05:00.000Z');
    assert.equal(next('every 1 minutes', '2026-03-01T10:05:00Z'), '2026-03-01T10:06:00.000Z');
    assert.equal(next('every minute', '2026-03-01T10:05:59.999Z'), '2026-03-01T10:06:00.000Z');
    assert.equal(next('every 2 hours', '2026-03-01T10:05:00Z'), '2026-03-01T12:00:00.000Z');
  });

  it('reads crontabs with steps, ranges and lists', () => {
    assert.equal(next('* * * * *', '2026-03-01T10:05:00Z'), '2026-03-01T10:06:00.000Z');
    assert.equal(next('*/15 * * * *', '2026-03-01T10:46:00Z'), '2026-03-01T11:00:00.000Z');
    assert.equal(next('5,35 9-17 * * *', '2026-03-01T17:36:00Z'), '2026-03-02T09:05:00.000Z');
    assert.equal(next('0 0 1 1 *', '2026-03-01T00:00:00Z'), '2027-01-01T00:00:00.000Z');
    assert.equal(next('0 12 29 2 *', '2026-03-01T00:00:00Z'), '2028-02-29T12:00:00.000Z');
  });

  it('takes Sunday as 0 and as 7, and either day field when both are restricted', () => {
    assert.equal(next('0 0 * * 0', '2026-03-02T00:00:00Z'), '2026-03-08T00:00:00.000Z');
    assert.equal(next('0 0 * * 7', '2026-03-02T00:00:00Z'), '2026-03-08T00:00:00.000Z');
    assert.equal(next('0 0 4 * 0', '2026-03-02T00:00:00Z'), '2026-03-04T00:00:00.000Z');
    assert.equal(next('0 0 4 * 0', '2026-03-04T00:00:00Z'), '2026-03-08T00:00:00.000Z');
  });

  it('follows the wall clock of its time zone through a change of the hour', () => {
    assert.equal(
      next('0 9 * * *', '2026-03-07T20:00:00Z', 'America/Los_Angeles'),
      '2026-03-08T16:00:00.000Z',
    );
    assert.equal(
      next('0 9 * * *', '2026-03-06T20:00:00Z', 'America/Los_Angeles'),
      '2026-03-07T17:00:00.000Z',
    );
  });

  for (const wrong of [
    '',
    'every day 09:00',
    'every 0 minutes',
    '* * * *',
    '60 * * * *',
    '* * * JAN *',
    '*/0 * * * *',
    '9-5 * * * *',
  ]) {
    it(`refuses '${wrong}' by name`, () => {
      assert.throws(() => parseSchedule(wrong), new RegExp(`'${wrong.replaceAll('*', '\\*')}'`));
    });
  }

  it('refuses a date that never comes', () => {
    assert.throws(() => next('0 0 30 2 *', '2026-01-01T00:00:00Z'), /names no moment/);
  });
});
