import * as z from 'zod/mini';
import type { Event } from '../events/event.ts';
import { acceptedBatch } from '../http/answers.ts';
import { acceptEach, batchOf, itemsOf, nothingAccepted } from '../http/batch.ts';
import { isNdjson, ndjsonLines, readJson } from '../http/body.ts';
import { defineRoute } from '../http/defineRoute.ts';
import { isObject } from '../http/fields.ts';
import { parseJson } from '../http/json.ts';
import { maxWarnings } from '../http/limits.ts';
import { Reading, type Warning } from '../http/reading.ts';
import type { ApiRequest, ApiResponse, Route } from '../http/route.ts';
import { anyObject, read } from '../http/schema.ts';
import type { AcceptingParts } from '../staging/groupStager.ts';
import type { Speakers } from './speaker.ts';
import { response, responseEvent } from './submit.ts';
import { maxResponsesPerRequest } from './submitFields.ts';

export interface ResponseRoutesOptions extends Pick<AcceptingParts, 'stager' | 'stamps'> {
  speakers: Speakers;
}

const exampleResponse = {
  task_id: 'task-1',
  miner_uid: 7,
  response_data: { text: 'Hello' },
  processing_time: 1.5,
  accuracy_score: 0.9,
  speed_score: 0.8,
};

/**
 * The route that accepts responses: each request stages its events in one call, and is answered once they are durable.
 */
export function responseRoutes(options: ResponseRoutesOptions): Route[] {
  return [
    defineRoute({
      method: 'POST',
      path: '/v1/responses',
      access: ['ingest', 'miner'],
      summary:
        'Accepts one response, or a batch in `responses` or NDJSON, the valid ones of which are accepted',
      bodies: () => ({
        'application/json': {
          schema: z.union([response(), batchOf('responses', response())]),
          example: exampleResponse,
        },
        'application/x-ndjson': {
          schema: z.string().check(z.meta({ description: 'Lines, each the JSON of one response' })),
          example: `${JSON.stringify(exampleResponse)}\n`,
        },
      }),
      answers: () => ({ 202: acceptedBatch() }),
      refusals: ['nothing_accepted'],
      handle: (_, request) => accept(options, request),
    }),
  ];
}

function accept(
  { stager, stamps, speakers }: ResponseRoutesOptions,
  request: ApiRequest,
): Promise<ApiResponse> {
  const { items, isBatch } = readItems(request);
  const warnings: Warning[] = [];
  const { accepted, rejected } = acceptEach(
    items,
    ({ index, value }): Event => {
      // A miner does not send its answer again.
      const reading = new Reading(request.caller.role === 'miner');
      const fields = read(anyObject, value(), 'response');
      const event = speakers.spoken(
        request.caller,
        responseEvent(fields, stamps.next(), { texts: false, reading }),
      );
      const free = maxWarnings - warnings.length;
      for (const warning of reading.warnings.slice(0, free)) warnings.push({ index, ...warning });
      return event;
    },
    ({ code }) => code === 'rate_limited' || (!isBatch && code === 'forbidden'),
  );
  if (accepted.length === 0) return Promise.resolve(nothingAccepted(request, 'response', rejected));
  const answer = { status: 202, json: { accepted: accepted.length, rejected, warnings } };
  return stager.stage(accepted).then(() => answer);
}

/** A submitted response, parsed when it is its turn, so that a fault is its own. */
interface Item {
  /** Its place in the list, or its line less one. */
  index: number;
  value: () => unknown;
}

function readItems(request: ApiRequest): { items: Item[]; isBatch: boolean } {
  if (isNdjson(request)) {
    const lines = ndjsonLines(request, 'responses', maxResponsesPerRequest);
    const items = lines.map(({ index, text }) => ({ index, value: () => parseJson(text) }));
    return { items, isBatch: true };
  }
  const body = readJson(request);
  if (!isObject(body) || !Object.hasOwn(body, 'responses')) {
    return { items: [{ index: 0, value: () => body }], isBatch: false };
  }
  const items = itemsOf(body, 'responses', maxResponsesPerRequest);
  return { items: items.map((value, index) => ({ index, value: () => value })), isBatch: true };
}
