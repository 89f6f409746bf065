import type { Traffic } from '../../../bench/cost/month.ts';

/** One event a second, a day of 17,280 tasks of five, and otherwise what `npm run cost` takes without an argument. */
export const traffic: Traffic = {
  tasksPerDay: 17_280,
  responsesPerTask: 3,
  responseBytes: 1700,
  hoursADay: 24,
  batchSeconds: 0,
  profile: 'default',
  miners: 0,
  pollsPerMinute: 12,
  pollBytes: 500,
  pollCacheSeconds: 5,
  excludesRequestLogs: false,
};
