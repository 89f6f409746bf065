import type { Event, ResponseReceived, Visibility } from '../events/event.ts';
import type { StampSource } from '../events/stamp.ts';
import { isNdjson, isObject, ndjsonLines, readFields, readJson } from '../http/body.ts';
import { isEmpty, queryText, quoted } from '../http/fields.ts';
import { newIdFor } from '../http/idempotency.ts';
import { parseJson } from '../http/json.ts';
import { maxWarnings } from '../http/limits.ts';
import { problem } from '../http/problem.ts';
import { Reading, type Warning } from '../http/reading.ts';
import type { ApiRequest, ApiResponse, Role, Route } from '../http/route.ts';
import { read } from '../http/schema.ts';
import { AppError } from '../platform/errors.ts';
import type { Ids } from '../platform/ids.ts';
import type { Stager } from '../staging/stager.ts';
import type { Speakers } from './speaker.ts';
import { type Fields, responseEvent, translationEvent } from './submit.ts';
import { taskId } from './submitFields.ts';
import { maxResponsesPerRequest, maxTaskFieldsBytes } from './submitLimits.ts';
import { createdEvent, patchedEvent } from './submitTaskFields.ts';

export interface IngestRoutesOptions {
  stager: Stager;
  stamps: StampSource;
  ids: Pick<Ids, 'uuid'>;
  speakers: Speakers;
}

interface Rejected {
  index: number;
  code: string;
  message: string;
}

const miners: readonly Role[] = ['ingest', 'miner'];
const proxies: readonly Role[] = ['ingest'];
const legacyRoot = '/api/v1/miner';

/** The routes that accept events: each request stages its events in one call, and is answered once they are durable. */
export function ingestRoutes({ stager, stamps, ids, speakers }: IngestRoutesOptions): Route[] {
  const responses = async (request: ApiRequest): Promise<ApiResponse> => {
    const { items, isBatch } = readItems(request);
    const events: Event[] = [];
    const rejected: Rejected[] = [];
    const warnings: Warning[] = [];
    for (const { index, read } of items) {
      try {
        // A miner does not send its answer again.
        const reading = new Reading(request.caller.role === 'miner');
        const event = responseEvent(read(), stamps.next(), { texts: false, reading });
        events.push(speakers.spoken(request.caller, event));
        const free = maxWarnings - warnings.length;
        for (const warning of reading.warnings.slice(0, free)) warnings.push({ index, ...warning });
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        if (error.code === 'rate_limited' || (!isBatch && error.code === 'forbidden')) throw error;
        rejected.push({ index, code: error.code, message: error.message });
      }
    }
    if (events.length === 0) {
      const [first] = rejected;
      const detail =
        first === undefined ? 'There is no response in the body.' : `No response is valid: ${first.message}`;
      return problem(new AppError('nothing_accepted', detail), request.requestId, { accepted: 0, rejected });
    }
    const accepted = events.length;
    await stager.stage(events);
    return { status: 202, json: { accepted, rejected, warnings } };
  };

  const legacy = async (
    request: ApiRequest,
    read: (fields: Fields, reading: Reading) => ResponseReceived,
  ): Promise<ApiResponse> => {
    const reading = new Reading(true);
    const event = read(readFields(request).fields, reading);
    await stager.stage([speakers.spoken(request.caller, event)]);
    return {
      status: 200,
      json: {
        success: true,
        message: 'Response accepted',
        task_id: event.taskId,
        miner_uid: event.response.miner_uid,
        warnings: reading.warnings,
      },
    };
  };

  const legacyResponse = (request: ApiRequest): Promise<ApiResponse> =>
    legacy(request, ({ response, response_data: given, ...fields }, reading) => {
      const response_data = isEmpty(given) ? response : given;
      return responseEvent({ ...fields, response_data }, stamps.next(), { texts: true, reading });
    });

  const legacyTranslation = (request: ApiRequest): Promise<ApiResponse> =>
    legacy(request, (fields, reading) => translationEvent(fields, stamps.next(), reading));

  const create = async (request: ApiRequest): Promise<ApiResponse> => {
    const event = createdEvent(readTask(request), {
      stamp: stamps.next(),
      visibility: visibilityOf(request),
      newId: () => newIdFor(request, ids),
    });
    await stager.stage([event]);
    return { status: 202, json: { task_id: event.taskId, warnings: [] } };
  };

  const setStatus = async (request: ApiRequest): Promise<ApiResponse> => {
    if (readTask(request)['status'] === undefined) {
      throw new AppError('invalid_request', 'status: expected one, got nothing.');
    }
    return change(request);
  };

  const change = async (request: ApiRequest): Promise<ApiResponse> => {
    const options = { stamp: stamps.next(), visibility: visibilityOf(request) };
    const event = patchedEvent(read(taskId, request.params['id'], 'task_id'), readTask(request), options);
    await stager.stage([event]);
    return { status: 202, json: { task_id: event.taskId, warnings: [] } };
  };

  return [
    { method: 'POST', path: '/v1/responses', access: miners, handle: responses },
    { method: 'POST', path: `${legacyRoot}/response`, access: miners, handle: legacyResponse },
    ...['text-translation', 'document-translation'].map(
      (kind): Route => ({
        method: 'POST',
        path: `${legacyRoot}/${kind}/upload-result`,
        access: miners,
        handle: legacyTranslation,
      }),
    ),
    { method: 'POST', path: '/v1/tasks', access: proxies, handle: create },
    { method: 'PATCH', path: '/v1/tasks/:id', access: proxies, handle: change },
    { method: 'POST', path: '/v1/tasks/:id/status', access: proxies, handle: setStatus },
  ];
}

/** A submitted response, read when it is its turn, so that a fault is its own. */
interface Item {
  /** Its place in the list, or its line less one. */
  index: number;
  read: () => Fields;
}

function readItems(request: ApiRequest): { items: Item[]; isBatch: boolean } {
  if (isNdjson(request)) {
    const items: Item[] = [];
    for (const { index, text } of ndjsonLines(request)) {
      items.push({ index, read: () => itemOf(parseJson(text)) });
      checkCount(items.length);
    }
    return { items, isBatch: true };
  }
  const body = readJson(request);
  if (!isObject(body) || !Object.hasOwn(body, 'responses')) {
    return { items: [{ index: 0, read: () => itemOf(body) }], isBatch: false };
  }
  const { responses, ...others } = body;
  const unknown = Object.keys(others)[0];
  if (unknown !== undefined) {
    throw new AppError('invalid_request', `Unknown field ${quoted(unknown)} beside responses.`);
  }
  if (!Array.isArray(responses)) throw new AppError('invalid_request', 'responses: expected a list.');
  checkCount(responses.length);
  const items = responses.map((item: unknown, index): Item => ({ index, read: () => itemOf(item) }));
  return { items, isBatch: true };
}

function itemOf(value: unknown): Fields {
  if (!isObject(value)) throw new AppError('invalid_request', 'A response is a JSON object.');
  return value;
}

function checkCount(count: number): void {
  if (count > maxResponsesPerRequest) {
    throw new AppError(
      'payload_too_large',
      `At most ${maxResponsesPerRequest} responses fit in a request; these are more.`,
    );
  }
}

function readTask(request: ApiRequest): Fields {
  if (request.body.length > maxTaskFieldsBytes) {
    throw new AppError('payload_too_large', `A task's fields are at most ${maxTaskFieldsBytes} bytes.`);
  }
  const body = readJson(request);
  if (!isObject(body)) throw new AppError('invalid_request', 'The body is not a JSON object.');
  return body;
}

function visibilityOf({ query }: ApiRequest): Visibility {
  const given = queryText(query, 'visibility') ?? 'default';
  if (given === 'prompt' || given === 'deferred' || given === 'default') return given;
  throw new AppError('invalid_request', `visibility: expected prompt or deferred, got ${quoted(given)}.`);
}
