import { eventLine, foldText, maxCarrierBytes, packedCarrierBytes } from '../events/carrier.ts';
import { schemaOf } from '../events/carrierVersion.ts';
import type { Event } from '../events/event.ts';
import { earliestOf, type Stamp, type StampSource } from '../events/stamp.ts';
import { largest } from '../platform/arrays.ts';
import { nextTickMs, within } from '../platform/clock.ts';
import { AppError } from '../platform/errors.ts';
import type { Ids } from '../platform/ids.ts';
import { storeLargeBodies } from './bodies.ts';
import { GroupCommitter } from './groupCommit.ts';
import * as limits from './limits.ts';
import { growingLinger, type LingerBounds } from './linger.ts';
import type { Outbox, OutboxOptions } from './outbox.ts';

/** Makes accepted events durable. */
export interface Stager {
  /**
   * Resolves once all of one request's events are confirmed by Cloud Tasks, or by Cloud Storage.
   * @throws AppError `unavailable`: not known to be kept, repeating is safe.
   */
  stage(events: readonly Event[]): Promise<void>;
}

/** The parts that a route needs which accepts events. */
export interface AcceptingParts {
  stager: Stager;
  stamps: StampSource;
  ids: Pick<Ids, 'uuid'>;
}

/** One request's events as they travel; they never span two carriers. */
interface StagedRequest {
  /** Line feeds between them; bytes, which the garbage collector need not move while they wait. */
  lines: Buffer;
  schema: number;
  count: number;
  oldest: Stamp | undefined;
}

const lineFeed = Buffer.from('\n');

interface GroupStagerOptions extends Pick<OutboxOptions, 'objects' | 'clock' | 'ids'>, LingerBounds {
  outbox: Outbox;
  tickMs: number;
  responseInlineMaxBytes: number;
}

/** Stages events by group commit: concurrent requests share a carrier, each is told once it is durable. */
export function groupStager(options: GroupStagerOptions): Stager {
  const { clock } = options;
  const committer = new GroupCommitter<StagedRequest>({
    maxItems: limits.maxGroupRequests,
    maxBytes: limits.maxGroupBytes,
    maxInFlight: limits.maxGroupsInFlight,
    maxPendingBytes: limits.maxPendingBytes,
    deadline: { ms: limits.stageDeadlineMs, late: tookTooLong },
    linger: growingLinger(options),
    clock,
    write: (requests) => sendRequests(options, requests),
  });
  return {
    stage: (events) => {
      if (events.length === 0) return Promise.resolve();
      const oldest = earliestOf(events.map(({ stamp }) => stamp));
      const schema = schemaOf(events);
      const submit = (lines: readonly string[]): Promise<void> => {
        const request = { schema, lines: Buffer.from(lines.join('\n')), count: lines.length, oldest };
        return committer.submit(request, request.lines.length);
      };
      const lines = events.map(eventLine);
      // A character is at most three bytes, and a body no longer than its line: most need no look of their own.
      const areSmall = lines.every((line) => line.length * 3 <= options.responseInlineMaxBytes);
      if (areSmall) return submit(lines);
      const staged = storeLargeBodies(events, options).then((stored) => submit(stored.map(eventLine)));
      return within(clock, limits.stageDeadlineMs, staged, tookTooLong);
    },
  };
}

/** Sends requests in as few carriers as they fit; one that fits none alone goes as an object. */
async function sendRequests(
  options: GroupStagerOptions,
  requests: readonly StagedRequest[],
): Promise<PromiseSettledResult<void>[]> {
  const { outbox, clock, tickMs } = options;
  const dueMs = nextTickMs(clock.now(), tickMs);
  const contents = {
    schema: largest(requests.map(({ schema }) => schema)),
    ...(await foldText(Buffer.concat(requests.flatMap(({ lines }) => [lineFeed, lines]).slice(1)))),
    count: requests.reduce((sum, { count }) => sum + count, 0),
    oldest: earliestOf(requests.map(({ oldest }) => oldest)),
  };
  if (requests.length > 1 && packedCarrierBytes({ ...contents, dueMs }) > maxCarrierBytes) {
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
