import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe } from 'node:diagnostics_channel';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

/** The request or dispatch that a piece of work is done for. */
interface Origin {
  /** Headers of its HTTP request, of which the log takes the trace. */
  headers?: IncomingHttpHeaders;
  requestId?: string;
  /** The carrier's name in Cloud Tasks. */
  carrier?: string | undefined;
}

/** Several where one piece of work is done for all of them. */
export type Origins = readonly Origin[];

const current = new AsyncLocalStorage<Origins>();

/** The most ids that one line names: a line is paid for by its bytes. */
const maxNamed = 10;

/**
 * Makes every request of this process the origin of what is done for it. Nothing of it is read before a line is logged.
 * Node tells of a request before its server does.
 */
export function noteRequests(): void {
  subscribe('http.server.request.start', (message) => {
    const { headers } = (message as { request: IncomingMessage }).request;
    current.enterWith([{ headers }]);
  });
}

/** Does work whose origin is known by these as well. */
export function during<Result>(known: Origin, work: () => Result): Result {
  return current.run([{ ...current.getStore()?.[0], ...known }], work);
}

/** Does one piece of work for several origins. */
export function duringAll<Result>(origins: Origins, work: () => Result): Result {
  return current.run(origins, work);
}

/** For whom this is done, to be given to {@link duringAll}. */
export function currentOrigins(): Origins {
  return current.getStore() ?? [];
}

/**
 * Fields of a line that say what it is about. The trace is the first origin's; by it Cloud Logging puts lines below the
 * one of their request (https://cloud.google.com/run/docs/logging#correlate-logs).
 */
export function originFields(projectId: string): Record<string, string> {
  const origins = currentOrigins();
  const trace = traceOf(origins[0]?.headers ?? {});
  return {
    ...named(
      'request_id',
      origins.map(({ requestId }) => requestId),
    ),
    ...named(
      'carrier',
      origins.map(({ carrier }) => carrier),
    ),
    ...(trace && { 'logging.googleapis.com/trace': `projects/${projectId}/traces/${trace}` }),
  };
}

function named(name: string, ids: readonly (string | undefined)[]): Record<string, string> {
  const known = new Set(ids.filter((id) => id !== undefined));
  return known.size === 0 ? {} : { [name]: [...known].slice(0, maxNamed).join(' ') };
}

/** https://cloud.google.com/trace/docs/trace-context#http-requests and https://www.w3.org/TR/trace-context/ */
function traceOf(headers: IncomingHttpHeaders): string | undefined {
  const [, ofGoogle] = /^([\da-f]{32})(?:\/|;|$)/i.exec(String(headers['x-cloud-trace-context'])) ?? [];
  const [, ofW3c] = /^[\da-f]{2}-([\da-f]{32})-/i.exec(String(headers['traceparent'])) ?? [];
  return [ofGoogle, ofW3c].find((id) => id !== undefined && !/^0+$/.test(id))?.toLowerCase();
}
