import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '../platform/clock.ts';
import { DocumentError } from '../platform/documents.ts';
import { AppError, errorCodes, messageOf } from '../platform/errors.ts';
import type { Ids } from '../platform/ids.ts';
import type { Logger } from '../platform/logger.ts';
import { during } from '../platform/origin.ts';
import { unavailable } from '../platform/outage.ts';
import type { Using } from '../platform/services.ts';
import { compressed } from './compression.ts';
import { HeldBytes } from './heldBytes.ts';
import { defaultHttpLimits, type HttpLimits, maxSharedAnswerMs } from './limits.ts';
import { problem } from './problem.ts';
import { type HttpRequest, letRestThrough, readBody } from './readBody.ts';
import { allowedRoles, mayCall } from './roles.ts';
import type { ApiResponse, Caller, ServedRoute } from './route.ts';
import { MethodNotAllowed, Router } from './router.ts';

/** Tells who calls, and bounds how often. */
export interface Authenticator {
  /** Every header that it looks at, in lower case: an answer to one key must not be given to another. */
  keyHeaders: readonly string[];
  /**
   * The caller, at once where no key need be read.
   * @throws AppError `unauthenticated`: no key or an unknown one; `unavailable`: that cannot be told now.
   */
  authenticate(header: (name: string) => string | undefined): Caller | Promise<Caller>;
  /** @throws AppError `rate_limited`, with when to come again. */
  admit(caller: Caller): void;
}

export interface HttpHandlerOptions extends Using<'clock' | 'ids' | 'logger'> {
  routes: readonly ServedRoute[];
  authenticator: Authenticator;
  limits?: Partial<HttpLimits>;
}

/** A request listener for Cloud Functions' `onRequest`, Express or node:http. It never rejects. */
export type HttpHandler = (request: HttpRequest, response: ServerResponse) => Promise<void>;

/** The caller that public routes see. */
const anonymous: Caller = { keyId: 'anonymous', role: 'read' };

const saneRequestId = /^[\w.:/+=@-]{1,128}$/;
const noBody = Buffer.alloc(0);

/**
 * Serves routes: finds the route, authenticates, limits the rate, reads the body, answers. Every failure becomes a
 * problem answer; those of the server are logged with the request's id, never with its content.
 */
export function httpHandler(options: HttpHandlerOptions): HttpHandler {
  const limits: HttpLimits = { ...defaultHttpLimits, ...options.limits };
  const router = new Router(options.routes);
  const held = new HeldBytes(limits.maxHeldBytes);

  // One function, as under the hooks of the Functions Framework each promise of a request takes 2 to 3 µs.
  const serve = async (request: HttpRequest, response: ServerResponse, requestId: string): Promise<void> => {
    const startedMs = options.clock.now();
    const holding = held.begin();
    let apiResponse: ApiResponse;
    let payload: string | Uint8Array;
    let by: Caller | undefined;
    try {
      const method = request.method ?? 'GET';
      const url = request.url ?? '/';
      const mark = url.indexOf('?');
      const path = mark === -1 ? url : url.slice(0, mark);
      const { route, params } = router.match(method, path);
      const header = (name: string): string | undefined => headerOf(request, name);
      const told = route.access === 'public' ? anonymous : options.authenticator.authenticate(header);
      const caller = told instanceof Promise ? await told : told;
      by = caller;
      if (route.access !== 'public') {
        checkAccess(route, caller);
        options.authenticator.admit(caller);
      }
      const query = new URLSearchParams(mark === -1 ? '' : url.slice(mark + 1));
      const body =
        route.method === 'GET' ? noBody : await readBody(request, limits.maxBodyBytes, holding.add);
      apiResponse = await route.handle({ requestId, method, path, params, query, header, body, caller });
      const isLate = options.clock.now() - startedMs > maxSharedAnswerMs;
      if (apiResponse.sharedSeconds && !isLate && apiResponse.status === 200 && route.access !== 'public')
        apiResponse = shared(apiResponse, apiResponse.sharedSeconds, options.authenticator.keyHeaders);
      payload = encode(apiResponse);
      if (apiResponse.sharedSeconds !== undefined) {
        ({ answer: apiResponse, payload } = await compressed(
          apiResponse,
          payload,
          header('accept-encoding'),
        ));
      }
    } catch (error) {
      apiResponse = explain(error, request, requestId, options);
      payload = encode(apiResponse);
    } finally {
      holding.end();
    }
    options.logger.debug('Answered', () => ({
      method: request.method,
      path: pathOf(request),
      status: apiResponse.status,
      ms: options.clock.now() - startedMs,
      key_id: by?.keyId,
    }));
    if (apiResponse.stream === undefined)
      send(request, response, apiResponse, payload, requestId, options.clock);
    else
      await sendStream(response, { ...apiResponse, stream: apiResponse.stream }, requestId, options.logger);
  };
  return (request, response) => {
    const requestId = requestIdOf(request, options.ids);
    return during({ headers: request.headers, requestId }, () => serve(request, response, requestId));
  };
}

function headerOf(request: HttpRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

function requestIdOf(request: HttpRequest, ids: Ids): string {
  const given = headerOf(request, 'x-request-id');
  return given !== undefined && saneRequestId.test(given) ? given : ids.uuid();
}

function checkAccess(route: ServedRoute, caller: Caller): void {
  if (route.access === 'public' || mayCall(caller.role, route.access)) return;
  const allowed = allowedRoles(route.access).join(', ');
  throw new AppError(
    'forbidden',
    `A key of role ${caller.role} cannot call ${route.method} ${route.path}; ${allowed} can.`,
  );
}

function explain(
  error: unknown,
  request: HttpRequest,
  requestId: string,
  { clock, logger }: HttpHandlerOptions,
): ApiResponse {
  if (error instanceof MethodNotAllowed) {
    const response = problem(error, requestId);
    return { ...response, headers: { ...response.headers, allow: error.allow } };
  }
  const shown = shownError(error, clock);
  const { status } = errorCodes[shown.code];
  if (status >= 500) {
    logger.error('request failed', { status, method: request.method, path: pathOf(request), error });
  }
  return problem(shown, requestId);
}

/** The error as callers see it. A failure of Firestore that no route has another way around is an outage to them. */
function shownError(error: unknown, clock: Clock): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof DocumentError && error.failure !== 'invalid') return unavailable(clock, error);
  return new AppError('internal', 'Something failed inside.');
}

function pathOf(request: HttpRequest): string {
  return (request.url ?? '/').split('?', 1)[0] ?? '/';
}

/** With a content type of its own, text and bytes are sent as they are. */
function encode({ json, headers }: ApiResponse): string | Uint8Array {
  if (json === undefined) return '';
  const asItIs =
    headers !== undefined && Object.keys(headers).some((name) => name.toLowerCase() === 'content-type');
  if (asItIs && (typeof json === 'string' || json instanceof Uint8Array)) return json;
  return JSON.stringify(json);
}

function send(
  request: HttpRequest,
  response: ServerResponse,
  { status, json, headers }: ApiResponse,
  payload: string | Uint8Array,
  requestId: string,
  clock: Clock,
): void {
  if (response.destroyed || response.headersSent) return;
  const all = allHeaders(headers, requestId);
  if (json !== undefined) all['content-type'] ??= 'application/json';
  // An answer to HEAD without a body of its own may know the length of GET's.
  const withoutBody = request.method === 'HEAD';
  const length = Buffer.byteLength(payload);
  if (status !== 204 && status !== 304 && (length > 0 || !withoutBody)) all['content-length'] = length;
  response.writeHead(status, all);
  const body = withoutBody ? '' : payload;
  if (request.complete) response.end(body);
  else {
    response.write(body);
    letRestThrough(request, clock, () => response.end());
  }
}

/** A stream that fails halfway cuts the connection, so that nobody takes the part for the whole. */
async function sendStream(
  response: ServerResponse,
  { status, headers, stream }: ApiResponse & { stream: Readable },
  requestId: string,
  logger: Logger,
): Promise<void> {
  if (response.destroyed || response.headersSent) {
    stream.destroy();
    return;
  }
  response.writeHead(status, allHeaders(headers, requestId));
  try {
    await pipeline(stream, response);
  } catch (error) {
    logger.warn('An answer was cut off', { reason: messageOf(error) });
  }
}

function allHeaders(headers: ApiResponse['headers'], requestId: string): Record<string, string | number> {
  const all: Record<string, string | number> = {};
  for (const name in headers) all[name.toLowerCase()] = headers[name] ?? '';
  all['x-request-id'] = requestId;
  // Hosting would cache even errors for everybody.
  all['cache-control'] ??= 'private, no-store';
  return all;
}

/** Lets Hosting give an answer again, to who sends the same key in the same way; callers themselves keep nothing. */
function shared(answer: ApiResponse, seconds: number, keyHeaders: readonly string[]): ApiResponse {
  const caching = { 'cache-control': `public, max-age=0, s-maxage=${seconds}`, vary: keyHeaders.join(', ') };
  return { ...answer, headers: { ...answer.headers, ...caching } };
}
