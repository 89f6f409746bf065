import type { Amounts } from '../../local/bill/bill.ts';
import { requestLogBytes } from '../../local/functions/usage.ts';
import { type PlainWay, plainInstance, plainUsage } from '../shared/plain.ts';
import { type Causes, causesOf, logsCause, sumOfCauses } from './coefficients.ts';
import { daysAMonth, eventsPerSecond, eventsPerTask, type Traffic } from './month.ts';

/** The least that a request is billed for: https://cloud.google.com/run/pricing */
const billedUnitSeconds = 0.1;

/**
 * Amounts of a month the plain way: a write for each event, two reads of the task before each response. BulkWriter is
 * taken to need no read. In functions each event is a request besides, which keeps an instance for a unit; those that
 * come independently at one rate share units as chance has it. Each poll is a query of one read at least, and in
 * functions a request.
 */
export function plainMonth(way: PlainWay, traffic: Traffic): Causes {
  const { tasksPerDay, responsesPerTask, hoursADay, miners, pollsPerMinute } = traffic;
  const tasks = tasksPerDay * daysAMonth;
  const usage = plainUsage({ tasks, statuses: tasks, responses: tasks * responsesPerTask });
  if (way === 'BulkWriter') usage.firestore.reads = 0;
  const polls = miners * pollsPerMinute * daysAMonth * 24 * 60;
  const inFirestore = sumOfCauses(causesOf(usage), { 'polls: Firestore': { firestoreRead: polls } });
  if (way !== 'functions') return inFirestore;
  const rate = eventsPerSecond(traffic);
  const pollRate = (miners * pollsPerMinute) / 60;
  const activeHours = hoursADay * 3600 * daysAMonth;
  const requests = tasks * eventsPerTask(responsesPerTask);
  const logged = traffic.excludesRequestLogs ? 0 : requests + polls;
  return sumOfCauses(
    inFirestore,
    { functions: requestAmounts(requests, rate, activeHours) },
    { 'functions: polls': requestAmounts(polls, pollRate, daysAMonth * 24 * 3600) },
    { [logsCause]: { logByte: logged * requestLogBytes } },
  );
}

function requestAmounts(requests: number, rate: number, seconds: number): Partial<Amounts> {
  const busySeconds = seconds * (1 - Math.exp(-rate * billedUnitSeconds));
  return {
    functionRequest: requests,
    vcpuSecond: busySeconds * plainInstance.vcpu,
    gibSecond: busySeconds * plainInstance.gib,
  };
}
