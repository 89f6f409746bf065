import type { Amounts } from '../../local/bill/bill.ts';
import { requestLogBytes } from '../../local/functions/usage.ts';
import { type PlainWay, plainInstance, plainUsage } from '../shared/plain.ts';
import { type AmountsByCause, causesOf, logsCause, sumOfCauses } from './coefficients.ts';
import { daysAMonth, eventsPerSecond, eventsPerTask, type Traffic } from './month.ts';
import { billedUnitSeconds, pollsOf, sharedTime } from './polls.ts';

/**
 * Amounts of a month the plain way: a write for each event, two reads of the task before each response. BulkWriter is
 * taken to need no read. In functions each event is a request besides, which keeps an instance for a unit; those that
 * come independently at one rate share units as chance has it. Each poll is a query of one read at least, and in
 * functions a request.
 */
export function plainMonth(way: PlainWay, traffic: Traffic): AmountsByCause {
  const { tasksPerDay, responsesPerTask, miners, pollsPerMinute } = traffic;
  const tasks = tasksPerDay * daysAMonth;
  const usage = plainUsage({ tasks, statuses: tasks, responses: tasks * responsesPerTask });
  if (way === 'BulkWriter') usage.firestore.reads = 0;
  const polls = pollsOf(traffic, daysAMonth);
  const inFirestore = sumOfCauses(causesOf(usage), { 'polls: Firestore': { firestoreRead: polls } });
  if (way !== 'functions') return inFirestore;
  const requests = tasks * eventsPerTask(responsesPerTask);
  const logged = traffic.excludesRequestLogs ? 0 : requests + polls;
  return sumOfCauses(
    inFirestore,
    { functions: requestAmounts(requests, eventsPerSecond(traffic)) },
    { 'functions: polls': requestAmounts(polls, (miners * pollsPerMinute) / 60) },
    { [logsCause]: { logByte: logged * requestLogBytes } },
  );
}

function requestAmounts(requests: number, rate: number): Partial<Amounts> {
  const busySeconds = requests * billedUnitSeconds * sharedTime(rate, 1);
  return {
    functionRequest: requests,
    vcpuSecond: busySeconds * plainInstance.vcpu,
    gibSecond: busySeconds * plainInstance.gib,
  };
}
