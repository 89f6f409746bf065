import * as z from 'zod/mini';
import { operationEvent } from '../documents/submit.ts';
import { type Event, operationTypes } from '../events/event.ts';
import { acceptedBatch, count, textLike } from '../http/answers.ts';
import { acceptEach, checkCount, nothingAccepted } from '../http/batch.ts';
import { isNdjson, mediaType, ndjsonLines } from '../http/body.ts';
import { defineRoute } from '../http/defineRoute.ts';
import { newIdFor } from '../http/idempotency.ts';
import { parseJson } from '../http/json.ts';
import { visibility } from '../http/parameters.ts';
import { Reading } from '../http/reading.ts';
import type { ApiRequest, ApiResponse, Route } from '../http/route.ts';
import { anyObject, oneOf, read } from '../http/schema.ts';
import { AppError } from '../platform/errors.ts';
import { once } from '../platform/once.ts';
import type { AcceptingParts } from '../staging/groupStager.ts';
import type { Speakers } from './speaker.ts';
import { responseEvent } from './submit.ts';
import { maxEventsPerRequest, taskInPath } from './submitFields.ts';
import { createdEvent, patchedEvent } from './submitTaskFields.ts';
import { checkFieldsBytes } from './writeRoutes.ts';

export interface EventRoutesOptions extends AcceptingParts {
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

const lineType = once(() => z.object({ type: oneOf(['response', 'task', 'fields', ...operationTypes]) }));
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
                '`update` and `delete` those of `POST /v1/operations`. All but `response` may have `visibility`.',
            }),
          ),
          example: exampleLines.map((line) => `${JSON.stringify(line)}\n`).join(''),
        },
      }),
      headers: ['Idempotency-Key'],
      answers: () => ({
        202: acceptedBatch({
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
    const isForbidden = rejected.length > 0 && rejected.every(({ code }) => code === 'forbidden');
    return nothingAccepted(request, 'event', rejected, isForbidden ? 'forbidden' : undefined);
  }
  await options.stager.stage(accepted);
  return { status: 202, json: { accepted: accepted.length, rejected, warnings: [], created } };
}

function linesOf(request: ApiRequest): { index: number; text: string }[] {
  if (!isNdjson(request)) {
    const type = mediaType(request) || 'nothing';
    throw new AppError('unsupported_media_type', `Send application/x-ndjson, a line an event, not ${type}.`);
  }
  const lines: { index: number; text: string }[] = [];
  for (const line of ndjsonLines(request)) {
    lines.push(line);
    checkCount(lines.length, 'events', maxEventsPerRequest);
  }
  return lines;
}

/**
 * A line as an event.
 * @throws AppError as the route does that accepts this kind alone.
 */
function eventOf(
  text: string,
  { caller }: ApiRequest,
  newId: () => string,
  { stamps, speakers, collections }: EventRoutesOptions,
): Event {
  const line = read(anyObject, parseJson(text), 'event');
  const { type } = read(lineType(), line, 'event');
  const { type: _, visibility: __, ...fields } = line;
  const stamp = stamps.next();
  switch (type) {
    case 'response': {
      const { type: ___, ...response } = line;
      const reading = new Reading(false);
      return speakers.spoken(caller, responseEvent(response, stamp, { texts: false, reading }));
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
