import type { protos } from '@google-cloud/tasks';
import { invalidArgument } from './errors.ts';
import { limits } from './limits.ts';
import type { Queue, QueueConfig } from './queue.ts';
import type { Attempt, NewTask, Task, TaskRequest } from './task.ts';

export type WireTask = protos.google.cloud.tasks.v2.ITask;
export type WireQueue = protos.google.cloud.tasks.v2.IQueue;
export type WireStats = protos.google.cloud.tasks.v2beta3.IQueueStats;
type WireAttempt = protos.google.cloud.tasks.v2.IAttempt;
type WireRequest = protos.google.cloud.tasks.v2.IHttpRequest;
type SecondsAndNanos = protos.google.protobuf.ITimestamp;

/** HttpMethod's names by number; 0 means that the caller said nothing. */
const httpMethods = ['POST', 'POST', 'GET', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'];
const methodsWithBody = new Set(['POST', 'PUT', 'PATCH']);
const basicView = 1;
const fullView = 2;
const runStates = { RUNNING: 1, PAUSED: 2, DISABLED: 3 };

export function isFullView(view: unknown): boolean {
  return view === fullView;
}

/** Reads the task of a CreateTask request and refuses what Cloud Tasks refuses. */
export function readTask(queueName: string, wire: WireTask, bytes: number, nowMs: number): NewTask {
  if (bytes > limits.maxTaskBytes) {
    throw invalidArgument(`Task size too large: ${bytes} bytes, at most ${limits.maxTaskBytes} are allowed.`);
  }
  const scheduleMs = wire.scheduleTime ? toMs(wire.scheduleTime) : undefined;
  if (scheduleMs !== undefined && scheduleMs > nowMs + limits.maxScheduleAheadMs) {
    throw invalidArgument('The schedule time must be at most 30 days from now.');
  }
  return {
    name: readName(queueName, wire.name),
    request: readRequest(wire.httpRequest),
    scheduleMs,
    dispatchDeadlineMs: readDeadline(wire.dispatchDeadline),
    bytes,
  };
}

export function writeTask(task: Task, isFull: boolean): WireTask {
  const { request } = task;
  return {
    name: task.name,
    httpRequest: {
      url: request.url,
      httpMethod: httpMethods.lastIndexOf(request.method),
      headers: request.headers,
      ...(isFull ? { body: request.body } : {}),
      ...(request.oidc
        ? { oidcToken: { serviceAccountEmail: request.oidc.email, audience: request.oidc.audience } }
        : {}),
    },
    scheduleTime: fromMs(task.dueMs),
    createTime: fromMs(task.createdMs),
    dispatchDeadline: fromMs(task.dispatchDeadlineMs),
    dispatchCount: task.dispatchCount,
    responseCount: task.responseCount,
    ...(task.firstAttempt ? { firstAttempt: writeAttempt(task.firstAttempt) } : {}),
    ...(task.lastAttempt ? { lastAttempt: writeAttempt(task.lastAttempt) } : {}),
    view: isFull ? fullView : basicView,
  };
}

export function readQueueConfig(wire: WireQueue): QueueConfig {
  const { rateLimits, retryConfig } = wire;
  return {
    name: wire.name ?? '',
    rateLimits: {
      ...(rateLimits?.maxDispatchesPerSecond
        ? { maxDispatchesPerSecond: rateLimits.maxDispatchesPerSecond }
        : {}),
      ...(rateLimits?.maxConcurrentDispatches
        ? { maxConcurrentDispatches: rateLimits.maxConcurrentDispatches }
        : {}),
    },
    retryConfig: {
      ...(retryConfig?.maxAttempts ? { maxAttempts: retryConfig.maxAttempts } : {}),
      ...(retryConfig?.minBackoff ? { minBackoffSeconds: toMs(retryConfig.minBackoff) / 1000 } : {}),
      ...(retryConfig?.maxBackoff ? { maxBackoffSeconds: toMs(retryConfig.maxBackoff) / 1000 } : {}),
      ...(retryConfig?.maxDoublings ? { maxDoublings: retryConfig.maxDoublings } : {}),
      ...(retryConfig?.maxRetryDuration
        ? { maxRetrySeconds: toMs(retryConfig.maxRetryDuration) / 1000 }
        : {}),
    },
  };
}

export function writeQueue(queue: Queue): WireQueue {
  const retry = queue.retryConfig();
  const purgedMs = queue.purgedMs();
  return {
    name: queue.name(),
    rateLimits: {
      maxDispatchesPerSecond: queue.maxDispatchesPerSecond(),
      maxBurstSize: queue.maxBurstSize(),
      maxConcurrentDispatches: queue.maxConcurrentDispatches(),
    },
    retryConfig: {
      maxAttempts: retry.maxAttempts,
      maxRetryDuration: fromMs(retry.maxRetrySeconds * 1000),
      minBackoff: fromMs(retry.minBackoffSeconds * 1000),
      maxBackoff: fromMs(retry.maxBackoffSeconds * 1000),
      maxDoublings: retry.maxDoublings,
    },
    state: runStates[queue.runState()],
    ...(purgedMs === undefined ? {} : { purgeTime: fromMs(purgedMs) }),
  };
}

export function writeStats(queue: Queue): WireStats {
  const stats = queue.stats();
  return {
    tasksCount: stats.tasksCount,
    ...(stats.oldestArrivalMs === undefined
      ? {}
      : { oldestEstimatedArrivalTime: fromMs(stats.oldestArrivalMs) }),
    executedLastMinuteCount: stats.executedLastMinute,
    concurrentDispatchesCount: stats.concurrentDispatches,
    effectiveExecutionRate: stats.executionRate,
  };
}

function readName(queueName: string, name: string | null | undefined): string | undefined {
  if (!name) return undefined;
  const prefix = `${queueName}/tasks/`;
  if (name.startsWith(prefix) && /^[A-Za-z0-9_-]{1,500}$/.test(name.slice(prefix.length))) return name;
  throw invalidArgument(
    `Task name must be "${prefix}" and 1 to 500 letters, digits, "-" or "_"; got "${name}".`,
  );
}

function readRequest(wire: WireRequest | null | undefined): TaskRequest {
  if (!wire)
    throw invalidArgument('The task must have an HTTP request; App Engine targets are not supported here.');
  const url = wire.url ?? '';
  if (!/^https?:\/\/[^/]/.test(url) || !URL.canParse(url) || url.length > limits.maxUrlCharacters) {
    throw invalidArgument(`The HTTP request's url must begin with http:// or https://; got "${url}".`);
  }
  const method = httpMethods[Number(wire.httpMethod ?? 0)];
  if (method === undefined) throw invalidArgument(`The HTTP method ${wire.httpMethod} is not one.`);
  const body = wire.body instanceof Uint8Array ? wire.body : Buffer.from(wire.body ?? '', 'base64');
  if (body.length > 0 && !methodsWithBody.has(method)) {
    throw invalidArgument(`An HTTP request with method ${method} must not have a body.`);
  }
  const token = wire.oidcToken;
  return {
    method,
    url,
    headers: readHeaders(wire.headers ?? {}, body.length > 0),
    body,
    oidc: token ? { email: token.serviceAccountEmail ?? '', audience: token.audience || url } : undefined,
  };
}

/** Lower-case names; Cloud Tasks sets some itself and drops the caller's. */
function readHeaders(headers: Record<string, string>, hasBody: boolean): Record<string, string> {
  const kept: Record<string, string> = hasBody ? { 'content-type': 'application/octet-stream' } : {};
  for (const [name, value] of Object.entries(headers)) {
    const key = name.toLowerCase();
    if (!/^(host|content-length|user-agent|x-(google|cloudtasks|appengine)-.*)$/.test(key)) kept[key] = value;
  }
  return kept;
}

function readDeadline(wire: SecondsAndNanos | null | undefined): number {
  if (!wire) return limits.defaultDispatchDeadlineMs;
  const deadlineMs = toMs(wire);
  if (deadlineMs >= limits.minDispatchDeadlineMs && deadlineMs <= limits.maxDispatchDeadlineMs)
    return deadlineMs;
  throw invalidArgument('The dispatch deadline must be between 15 seconds and 30 minutes.');
}

function writeAttempt(attempt: Attempt): WireAttempt {
  return {
    scheduleTime: fromMs(attempt.scheduledMs),
    dispatchTime: fromMs(attempt.dispatchedMs),
    ...(attempt.respondedMs === undefined ? {} : { responseTime: fromMs(attempt.respondedMs) }),
    ...(attempt.status === undefined
      ? {}
      : { responseStatus: { message: `HTTP status code ${attempt.status}` } }),
  };
}

/** A Timestamp or a Duration in ms. int64 arrives as a number or as an object with its own `toString`. */
function toMs(wire: SecondsAndNanos): number {
  return Number(String(wire.seconds ?? 0)) * 1000 + Math.floor((wire.nanos ?? 0) / 1e6);
}

function fromMs(ms: number): SecondsAndNanos {
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1e6) };
}
