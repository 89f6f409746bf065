import * as z from 'zod/mini';
import { count, moment, textLike } from '../http/answers.ts';
import { defineRoute } from '../http/defineRoute.ts';
import { flag } from '../http/parameters.ts';
import type { Route } from '../http/route.ts';
import type { Schema } from '../http/schema.ts';
import { historyShown } from '../quota/historyReport.ts';
import { openMetrics, openMetricsContentType, openMetricsType } from './metrics.ts';
import { type StatusOptions, statusReader } from './status.ts';

/** The status as JSON, with nulls for what cannot be known now, and as metrics, which lack that; always 200. */
export function statusRoutes(options: StatusOptions & { projectId: string }): Route[] {
  const status = statusReader(options);
  return [
    defineRoute({
      method: 'GET',
      path: '/v1/status',
      access: ['read'],
      query: () => z.object({ detail: flag() }),
      summary: 'What waits and what runs, as far as it can be known; with `detail` the queue is listed',
      answers: () => ({ 200: statusShown() }),
      handle: async ({ query: { detail } }, { caller: { role } }) => ({
        status: 200,
        json: { ...(await status(detail)), caller: { role }, project_id: options.projectId },
      }),
    }),
    defineRoute({
      method: 'GET',
      path: '/metrics',
      access: ['read'],
      summary: 'The status as OpenMetrics text, for Prometheus and what reads its format',
      answers: () => ({ 200: { schema: z.string(), mediaType: openMetricsType, example: '# EOF\n' } }),
      handle: async () => ({
        status: 200,
        json: openMetrics(await status(false)),
        headers: { 'content-type': openMetricsContentType },
      }),
    }),
  ];
}

function statusShown(): Schema {
  const known = () => z.nullable(count());
  const seconds = () => z.nullable(z.number());
  const when = () => z.nullable(moment());
  return z.object({
    response_aggregator: z.object({
      buffered_tasks: known(),
      buffered_responses: known(),
      tasks_in_buffer: z.nullable(z.array(z.string())),
      buffer_timeout: z.number(),
      min_responses_to_flush: count(),
    }),
    batch_manager: z.object({
      ...{ set: known(), update: known(), delete: known() },
      total_buffered_operations: known(),
      buffer_size_limit: count(),
      flush_interval: z.number(),
      last_flush: z.null(),
      time_since_last_flush: z.null(),
    }),
    file_manager: z.looseObject({ total_files: known(), total_bytes: known(), as_of: when() }),
    quota_monitor: z.looseObject({
      last_reset: when(),
      history: z.nullable(historyShown()),
      instance_operations: z.looseObject({ since: when() }),
    }),
    backlog: z.object({
      ...{ queued_carriers: known(), unreadable_carriers: known(), oldest_event_age_seconds: seconds() },
      ...{ next_dispatch_at: when(), parked_until: when(), parked_since: when() },
      parked_reason: z.nullable(z.string()),
      is_exact: z.boolean(),
    }),
    dead_letters: z.object({ count: known(), is_exact: z.boolean() }),
    caller: z.object({ role: textLike('read') }),
    project_id: textLike('my-project'),
  });
}

/** The routes that say whether a process answers; they ask nothing of anybody. */
export function healthRoutes(): Route[] {
  return ['/healthz', '/health', '/api/v1/health'].map((path) =>
    defineRoute({
      method: 'GET',
      path,
      access: 'public',
      summary: 'Says that the process answers',
      answers: () => ({ 200: z.object({ status: z.literal('ok') }) }),
      handle: async () => ({ status: 200, json: { status: 'ok' } }),
    }),
  );
}
