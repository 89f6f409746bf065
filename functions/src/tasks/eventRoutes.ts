import * as z from 'zod/mini';
import { operationEvent } from '../documents/submit.ts';
import { type Event, operationTypes } from '../events/event.ts';
import { isCallersStamp, type Stamp, stampMs } from '../events/stamp.ts';
import { acceptedBatch, count, moment, textLike } from '../http/answers.ts';
import { acceptEach, allForbidden, nothingAccepted } from '../http/batch.ts';
import { type BodyLine, isNdjson, mediaType, ndjsonLines } from '../http/body.ts';
import { defineRoute } from '../http/defineRoute.ts';
import { newIdFor } from '../http/idempotency.ts';
import { parseJson } from '../http/json.ts';
import { visibility } from '../http/parameters.ts';
import { Reading } from '../http/reading.ts';
import type { ApiRequest, ApiResponse, Route } from '../http/route.ts';
import { anyObject, expecting, oneOf, optional, read } from '../http/schema.ts';
import type { Clock } from '../platform/clock.ts';
import { AppError } from '../platform/errors.ts';
import { once } from '../platform/once.ts';
import type { AcceptingParts } from '../staging/groupStager.ts';
import { maxStampAgeMs, maxStampAheadMs } from './limits.ts';
import type { Speakers } from './speaker.ts';
import { responseEvent } from './submit.ts';
import { maxEventsPerRequest, taskInPath } from './submitFields.ts';
import { checkFieldsBytes, createdEvent, patchedEvent } from './submitTaskFields.ts';

interface EventRoutesOptions extends AcceptingParts {
  clock: Clock;
  speakers: Speakers;
  /** OPERATIONS_COLLECTIONS. */
  collections: readonly string[];
}

const exampleLines = [
  { type: 'task', task_id: 'task-1', task_type: 'translation', input_text: 'Hallo' },
  { type: 'fields', task_id: 'task-1', assigned_miners: [7] },
  { type: 'response', task_id: 'task-1', miner_uid: 7, response_data: { text: 'Hello' } },
  { type: 'update', path: 'users/1', data: { 'stats.views': 3 } },
];

const lineHead = once(() => {
  const form = expecting(
    '21 characters of 0-9 a-z: 9 of milliseconds in base 36, 8 of its maker, 4 of a sequence',
  );
  return z.object({
    type: oneOf(['response', 'task', 'fields', ...operationTypes]),
    stamp: optional(z.string(form).check(z.refine(isCallersStamp, form))),
  });
});
const taskWait = once(() => z.object({ visibility: visibility(['prompt', 'deferred']) }));
const operationWait = once(() => z.object({ visibility: visibility(['prompt']) }));

/** The route that accepts events of every kind in one request, in their order: the cheapest way for a proxy. */
export function eventRoutes(options: EventRoutesOptions): Route[] {
  return [
    defineRoute({
      method: 'POST',
      path: '/v1/events',
      access: ['ingest'],
      summary:
        'Accepts answers, tasks, their fields and operations, a line each, the valid ones of which are accepted',
      bodies: () => ({
        'application/x-ndjson': {
          schema: z.string().check(
            z.meta({
              description:
                'Lines, each an object with `type`: `response`, `task` and `fields` have the members of ' +
                '`POST /v1/responses`, `POST /v1/tasks` and `PATCH /v1/tasks/{task_id}` (with `task_id`); `set`, ' +
                '`update` and `delete` those of `POST /v1/operations`. All but `response` may have `visibility`; ' +
                'a `stamp` says when the caller accepted it.',
            }),
          ),
          example: exampleLines.map((line) => `${JSON.stringify(line)}\n`).join(''),
        },
      }),
      headers: ['Idempotency-Key'],
      answers: () => ({
        202: acceptedBatch({
          server_time: moment(),
          created: z
            .array(z.object({ index: count(), task_id: textLike('task-1') }))
            .check(z.meta({ description: 'The ids of tasks that had none', examples: [[]] })),
        }),
      }),
      refusals: ['nothing_accepted'],
      handle: (_, request) => accept(options, request),
    }),
  ];
}

async function accept(options: EventRoutesOptions, request: ApiRequest): Promise<ApiResponse> {
  const server = { server_time: new Date(options.clock.now()).toISOString() };
  const created: { index: number; task_id: string }[] = [];
  const { accepted, rejected } = acceptEach(linesOf(request), ({ index, text }): Event => {
    const newId = (): string => {
      const taskId = newIdFor(request, options.ids, index);
      created.push({ index, task_id: taskId });
      return taskId;
    };
    return eventOf(text, request, newId, options);
  });
  if (accepted.length === 0) {
    return nothingAccepted(request, 'event', rejected, allForbidden(rejected), server);
  }
  await options.stager.stage(accepted);
  return { status: 202, json: { accepted: accepted.length, rejected, warnings: [], created, ...server } };
}

function linesOf(request: ApiRequest): BodyLine[] {
  if (isNdjson(request)) return ndjsonLines(request, 'events', maxEventsPerRequest);
  const type = mediaType(request) || 'nothing';
  throw new AppError('unsupported_media_type', `Send application/x-ndjson, a line an event, not ${type}.`);
}

/**
 * A line as an event.
 * @throws AppError as the route does that accepts this kind alone.
 */
function eventOf(
  text: string,
  { caller }: ApiRequest,
  newId: () => string,
  { stamps, speakers, collections, clock }: EventRoutesOptions,
): Event {
  const line = read(anyObject, parseJson(text), 'event');
  const { type, stamp: given } = read(lineHead(), line, 'event');
  const { type: _type, stamp: _stamp, ...members } = line;
  const { visibility: _visibility, ...fields } = members;
  const stamp = given === undefined ? stamps.next() : checkedStamp(given, clock.now());
  switch (type) {
    case 'response': {
      const reading = new Reading(false);
      return speakers.spoken(caller, responseEvent(members, stamp, { texts: false, reading }));
    }
    case 'task':
      checkFieldsBytes(Buffer.byteLength(text));
      return createdEvent(fields, { stamp, newId, ...read(taskWait(), line) });
    case 'fields': {
      checkFieldsBytes(Buffer.byteLength(text));
      const { task_id: taskId } = read(taskInPath(), fields, 'event');
      return patchedEvent(taskId, fields, { needsStatus: false, stamp, ...read(taskWait(), line) });
    }
    default: {
      const isPrompt = read(operationWait(), line).visibility === 'prompt';
      return operationEvent({ ...fields, type }, { stamp, isPrompt, collections });
    }
  }
}

/**
 * The stamp that a caller gave an event before it sent it: a repetition is then known, and order is the caller's own.
 * @throws AppError `stamp_out_of_range` where no event of now can have it.
 */
function checkedStamp(stamp: Stamp, nowMs: number): Stamp {
  const aheadMs = stampMs(stamp) - nowMs;
  if (aheadMs <= maxStampAheadMs && -aheadMs <= maxStampAgeMs) return stamp;
  const at = new Date(stampMs(stamp)).toISOString();
  const [days, seconds] = [Math.ceil(maxStampAgeMs / 86_400_000), maxStampAheadMs / 1_000];
  throw new AppError(
    'stamp_out_of_range',
    `stamp: expected a time up to ${days} days ago and at most ${seconds} s ahead, got ${at}; stamp it anew.`,
  );
}
