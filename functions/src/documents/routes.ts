import * as z from 'zod/mini';
import { acceptedBatch, textLike, warnings } from '../http/answers.ts';
import { acceptEach, allForbidden, batchOf, itemsOf, nothingAccepted } from '../http/batch.ts';
import { readJson } from '../http/body.ts';
import { defineRoute } from '../http/defineRoute.ts';
import { newIdFor } from '../http/idempotency.ts';
import { visibility } from '../http/parameters.ts';
import type { Route } from '../http/route.ts';
import { anyObject, expecting, members } from '../http/schema.ts';
import type { AcceptingParts } from '../staging/groupStager.ts';
import { maxOperationsPerRequest } from './limits.ts';
import { operation, operationEvent } from './submit.ts';

interface OperationRoutesOptions extends AcceptingParts {
  /** OPERATIONS_COLLECTIONS. */
  collections: readonly string[];
}

/**
 * The routes that accept operations on documents: a request's are durable together, in their
 * order, when it is answered.
 */
export function operationRoutes(options: OperationRoutesOptions): Route[] {
  return [acceptOperations(options), createDocument(options)];
}

const query = () => z.object({ visibility: visibility(['prompt']) });
const proxies = { method: 'POST', access: ['ingest'], query } as const;

function acceptOperations({ stager, stamps, collections }: OperationRoutesOptions): Route {
  return defineRoute({
    ...proxies,
    path: '/v1/operations',
    summary: 'Accepts operations on documents, the valid ones of which are accepted',
    bodies: () => ({
      'application/json': {
        schema: batchOf('operations', operation()),
        example: {
          operations: [
            { type: 'set', path: 'users/1', data: { name: 'Ann', since: { $server_timestamp: true } } },
            { type: 'update', path: 'users/1', data: { 'stats.views': 3 } },
            { type: 'delete', path: 'users/2' },
          ],
        },
      },
    }),
    answers: () => ({
      202: acceptedBatch(),
    }),
    refusals: ['nothing_accepted'],
    handle: async ({ query: { visibility } }, request) => {
      const operations = itemsOf(readJson(request), 'operations', maxOperationsPerRequest);
      const isPrompt = visibility === 'prompt';
      const { accepted, rejected } = acceptEach(
        operations.map((value, index) => ({ value, index })),
        ({ value }) => operationEvent(value, { stamp: stamps.next(), isPrompt, collections }),
      );
      if (accepted.length === 0) {
        return nothingAccepted(request, 'operation', rejected, allForbidden(rejected));
      }
      await stager.stage(accepted);
      return { status: 202, json: { accepted: accepted.length, rejected, warnings: [] } };
    },
  });
}

function createDocument({ stager, stamps, ids, collections }: OperationRoutesOptions): Route {
  return defineRoute({
    ...proxies,
    path: '/v1/documents',
    body: () => members({ collection: z.string(expecting('the path of a collection')), data: anyObject }),
    summary: 'Creates a document under an id that is made for it',
    example: () => ({ collection: 'users', data: { name: 'Ann' } }),
    headers: ['Idempotency-Key'],
    answers: () => ({
      202: z.object({
        path: textLike('users/0b5f'),
        document_id: textLike('0b5f'),
        warnings: warnings(),
      }),
    }),
    handle: async ({ query: { visibility }, body: { collection, data } }, request) => {
      const id = newIdFor(request, ids);
      const context = { stamp: stamps.next(), isPrompt: visibility === 'prompt', collections };
      const event = operationEvent({ type: 'set', path: `${collection}/${id}`, data }, context);
      await stager.stage([{ ...event, isNew: true }]);
      return { status: 202, json: { path: event.path, document_id: id, warnings: [] } };
    },
  });
}
