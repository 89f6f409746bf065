import * as z from 'zod/mini';
import { textLike, warnings } from '../http/answers.ts';
import { readJson } from '../http/body.ts';
import { defineRoute } from '../http/defineRoute.ts';
import { newIdFor } from '../http/idempotency.ts';
import { visibility } from '../http/parameters.ts';
import type { ApiRequest, ApiResponse, Route } from '../http/route.ts';
import { anyObject, read } from '../http/schema.ts';
import type { AcceptingParts } from '../staging/groupStager.ts';
import { taskInPath } from './submitFields.ts';
import { change, checkFieldsBytes, createdEvent, creation, patchedEvent } from './submitTaskFields.ts';

/** The routes that accept tasks and their fields: an event is durable when its request is answered. */
export function writeRoutes(options: AcceptingParts): Route[] {
  return [
    create(options),
    setFields(options, 'PATCH', '/v1/tasks/:task_id'),
    // For callers that have it so.
    setFields(options, 'POST', '/v1/tasks/:task_id/status'),
  ];
}

const query = () => z.object({ visibility: visibility(['prompt', 'deferred']) });
const proxies = { access: ['ingest'], query } as const;

function create({ stager, stamps, ids }: AcceptingParts): Route {
  return defineRoute({
    method: 'POST',
    path: '/v1/tasks',
    ...proxies,
    summary: 'Creates a task; one without `task_id` gets one',
    bodies: () => ({
      'application/json': {
        schema: creation(),
        example: { task_id: 'task-1', task_type: 'translation', input_text: 'Hallo' },
      },
    }),
    headers: ['Idempotency-Key'],
    answers: () => accepted(),
    handle: async ({ query: { visibility } }, request) => {
      const newId = () => newIdFor(request, ids);
      const event = createdEvent(readTask(request), { stamp: stamps.next(), visibility, newId });
      await stager.stage([event]);
      return answer(event);
    },
  });
}

function setFields({ stager, stamps }: AcceptingParts, method: 'PATCH' | 'POST', path: string): Route {
  const needsStatus = method === 'POST';
  return defineRoute({
    method,
    path,
    ...proxies,
    params: taskInPath,
    summary: needsStatus ? 'Sets the status of a task, and other fields' : 'Sets fields of a task',
    bodies: () => ({ 'application/json': { schema: change(needsStatus), example: { status: 'approved' } } }),
    answers: () => accepted(),
    handle: async ({ params: { task_id }, query: { visibility } }, request) => {
      const fields = readTask(request);
      const event = patchedEvent(task_id, fields, { needsStatus, stamp: stamps.next(), visibility });
      await stager.stage([event]);
      return answer(event);
    },
  });
}

function readTask(request: ApiRequest): Record<string, unknown> {
  checkFieldsBytes(request.body.length);
  return read(anyObject, readJson(request));
}

function answer({ taskId }: { taskId: string }): ApiResponse {
  return { status: 202, json: { task_id: taskId, warnings: [] } };
}

const accepted = () => ({ 202: z.object({ task_id: textLike('task-1'), warnings: warnings() }) });
