import { carrierBytes, carrierOf, eventLine, maxCarrierBytes } from '../events/carrier.ts';
import type { Event } from '../events/event.ts';
import { earliestOf, type Stamp } from '../events/stamp.ts';
import { AppError } from '../platform/errors.ts';
import { within } from '../platform/within.ts';
import { storeLargeBodies } from './bodies.ts';
import { GroupCommitter } from './groupCommit.ts';
import {
  maxGroupBytes,
  maxGroupRequests,
  maxGroupsInFlight,
  maxPendingBytes,
  stageDeadlineMs,
} from './limits.ts';
import { type Outbox, type OutboxOptions, packEvents } from './outbox.ts';
import type { Stager } from './stager.ts';
import { nextTickMs } from './tick.ts';

/** One request's events as they travel; they never span two carriers. */
interface StagedRequest {
  lines: string[];
  oldest: Stamp | undefined;
}

export interface GroupStagerOptions extends Pick<OutboxOptions, 'objects' | 'clock' | 'ids'> {
  outbox: Outbox;
  lingerMs: number;
  tickMs: number;
  responseInlineMaxBytes: number;
}

/** Stages events by group commit: concurrent requests share a carrier, each is told once it is durable. */
export function groupStager(options: GroupStagerOptions): Stager {
  const { clock, lingerMs } = options;
  const committer = new GroupCommitter<StagedRequest>({
    maxItems: maxGroupRequests,
    maxBytes: maxGroupBytes,
    maxInFlight: maxGroupsInFlight,
    maxPendingBytes,
    lingerMs,
    clock,
    write: (requests) => sendRequests(options, requests),
  });
  return {
    stage: (events) => within(clock, stageDeadlineMs, stage(options, committer, events), tookTooLong),
  };
}

async function stage(
  options: GroupStagerOptions,
  committer: GroupCommitter<StagedRequest>,
  events: readonly Event[],
): Promise<void> {
  if (events.length === 0) return;
  const lines = await Promise.all(events.map((event) => lineOf(options, event)));
  const bytes = lines.reduce((sum, line) => sum + Buffer.byteLength(line), 0);
  await committer.submit({ lines, oldest: earliestOf(events.map(({ stamp }) => stamp)) }, bytes);
}

/** The event's line, after a body that is too large for it went to an object. */
async function lineOf(options: GroupStagerOptions, event: Event): Promise<string> {
  const line = eventLine(event);
  // A character is at most three bytes, and a body no longer than its line: most need no look of their own.
  if (line.length * 3 <= options.responseInlineMaxBytes) return line;
  const [small = event] = await storeLargeBodies([event], options);
  return small === event ? line : eventLine(small);
}

/** Sends requests in as few carriers as they fit; one that fits none alone goes as an object. */
async function sendRequests(
  options: GroupStagerOptions,
  requests: readonly StagedRequest[],
): Promise<PromiseSettledResult<void>[]> {
  const { outbox, clock, tickMs } = options;
  const dueMs = nextTickMs(clock.now(), tickMs);
  const contents = await packEvents(
    requests.flatMap(({ lines }) => lines),
    earliestOf(requests.map(({ oldest }) => oldest)),
  );
  if (requests.length > 1 && carrierBytes(carrierOf({ ...contents, dueMs })) > maxCarrierBytes) {
    const half = Math.ceil(requests.length / 2);
    const halves = [requests.slice(0, half), requests.slice(half)];
    return (await Promise.all(halves.map((part) => sendRequests(options, part)))).flat();
  }
  const [outcome] = await Promise.allSettled([outbox.sendContents('flush', contents, dueMs)]);
  return requests.map(() => outcome);
}

function tookTooLong(): AppError {
  return new AppError('unavailable', 'Writing took too long; send it again.');
}
