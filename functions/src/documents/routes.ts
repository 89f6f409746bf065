import type { OperationAccepted } from '../events/event.ts';
import type { StampSource } from '../events/stamp.ts';
import { isObject, readJson } from '../http/body.ts';
import { expected, queryText, quoted } from '../http/fields.ts';
import { newIdFor } from '../http/idempotency.ts';
import { problem } from '../http/problem.ts';
import type { ApiRequest, ApiResponse, Route } from '../http/route.ts';
import { AppError } from '../platform/errors.ts';
import type { Ids } from '../platform/ids.ts';
import type { Stager } from '../staging/stager.ts';
import { maxOperationsPerRequest } from './limits.ts';
import { operationEvent } from './submit.ts';

export interface OperationRoutesOptions {
  stager: Stager;
  stamps: StampSource;
  ids: Pick<Ids, 'uuid'>;
  /** OPERATIONS_COLLECTIONS. */
  collections: readonly string[];
}

interface Rejected {
  index: number;
  code: string;
  message: string;
}

/** The routes that accept operations on documents: a request's are durable together, in their order, when it is answered. */
export function operationRoutes(options: OperationRoutesOptions): Route[] {
  const proxies = { method: 'POST', access: ['ingest'] } as const;
  return [
    { ...proxies, path: '/v1/operations', handle: (request) => acceptOperations(options, request) },
    { ...proxies, path: '/v1/documents', handle: (request) => createDocument(options, request) },
  ];
}

async function acceptOperations(
  { stager, stamps, collections }: OperationRoutesOptions,
  request: ApiRequest,
): Promise<ApiResponse> {
  const isPrompt = isPromptAsked(request);
  const events: OperationAccepted[] = [];
  const rejected: Rejected[] = [];
  for (const [index, item] of readOperations(request).entries()) {
    try {
      events.push(operationEvent(item, { stamp: stamps.next(), isPrompt, collections }));
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      rejected.push({ index, code: error.code, message: error.message });
    }
  }
  if (events.length === 0) return nothingAccepted(request, rejected);
  await stager.stage(events);
  return { status: 202, json: { accepted: events.length, rejected, warnings: [] } };
}

function nothingAccepted({ requestId }: ApiRequest, rejected: readonly Rejected[]): ApiResponse {
  const [first] = rejected;
  const isForbidden = first !== undefined && rejected.every(({ code }) => code === 'forbidden');
  const detail =
    first === undefined ? 'There is no operation in the body.' : `No operation is valid: ${first.message}`;
  const error = new AppError(isForbidden ? 'forbidden' : 'nothing_accepted', detail);
  return problem(error, requestId, { accepted: 0, rejected });
}

function readOperations(request: ApiRequest): unknown[] {
  const body = readJson(request);
  const operations = isObject(body) ? body['operations'] : undefined;
  if (!isObject(body) || !Array.isArray(operations)) {
    throw new AppError('invalid_request', 'Expected {"operations": […]}.');
  }
  const unknown = Object.keys(body).find((name) => name !== 'operations');
  if (unknown !== undefined) {
    throw new AppError('invalid_request', `Unknown field ${quoted(unknown)} beside operations.`);
  }
  if (operations.length > maxOperationsPerRequest) {
    throw new AppError(
      'payload_too_large',
      `At most ${maxOperationsPerRequest} operations fit in a request; these are ${operations.length}.`,
    );
  }
  return operations;
}

/** `{collection, data}` becomes a document under an id that Sluice makes. */
async function createDocument(
  { stager, stamps, ids, collections }: OperationRoutesOptions,
  request: ApiRequest,
): Promise<ApiResponse> {
  const body = readJson(request);
  if (!isObject(body)) throw new AppError('invalid_request', 'Expected {"collection": …, "data": {…}}.');
  const { collection, data, ...others } = body;
  const unknown = Object.keys(others)[0];
  if (unknown !== undefined) {
    throw new AppError('invalid_request', `Unknown field ${quoted(unknown)}: there are collection and data.`);
  }
  if (typeof collection !== 'string') throw expected('collection', 'the path of a collection', collection);
  const id = newIdFor(request, ids);
  const submitted = { type: 'set', path: `${collection}/${id}`, data };
  const event = operationEvent(submitted, {
    stamp: stamps.next(),
    isPrompt: isPromptAsked(request),
    collections,
  });
  await stager.stage([{ ...event, isNew: true }]);
  return { status: 202, json: { path: event.path, document_id: id, warnings: [] } };
}

function isPromptAsked({ query }: ApiRequest): boolean {
  const given = queryText(query, 'visibility') ?? 'default';
  if (given === 'default') return false;
  if (given === 'prompt') return true;
  throw new AppError('invalid_request', `visibility: expected prompt, got ${quoted(given)}.`);
}
