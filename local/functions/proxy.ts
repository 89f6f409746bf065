import { randomBytes } from 'node:crypto';
import {
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from 'node:http';
import { deliveryHeader } from '../tasks/sender.ts';
import type { InstanceProcess } from './instance-process.ts';

interface ForwardOptions {
  request: IncomingMessage;
  response: ServerResponse;
  instance: InstanceProcess;
  /** Path and query as the function sees them. */
  path: string;
  /** Aborted when the time limit has passed: the caller is answered 504, the instance goes on working. */
  signal: AbortSignal;
  /** Changes the answer's headers, names and values in turn; may listen to the answer. */
  headers?: ((raw: string[], answer: IncomingMessage) => string[]) | undefined;
}

const timeoutText = 'upstream request timeout';

/** 32 MiB: https://cloud.google.com/run/quotas#request_limits */
const maxRequestBytes = 32 * 1024 * 1024;
const tooLarge = new Error('The request is larger than 32 MiB.');

/** Belong to one connection, not to the message. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'upgrade',
  'trailer',
  'te',
  deliveryHeader,
]);

/** Passes a request to an instance and its answer back; resolves when both are done, however that came. */
export function forward({
  request,
  response,
  instance,
  path,
  signal,
  headers,
}: ForwardOptions): Promise<void> {
  if (signal.aborted) answerText(response, 504, timeoutText);
  if (response.destroyed || response.writableEnded) return Promise.resolve();
  return new Promise((resolve) => {
    const upstream = httpRequest({
      host: '127.0.0.1',
      port: instance.port,
      agent: instance.agent,
      method: request.method,
      path,
      headers: forwardedHeaders(request),
    });
    let isAnswered = false;
    upstream.on('response', (answer) => {
      isAnswered = true;
      const raw = withoutHopByHop(answer.rawHeaders);
      response.writeHead(answer.statusCode ?? 502, headers?.(raw, answer) ?? raw);
      answer.pipe(response);
      answer.once('error', () => response.destroy());
    });
    upstream.on('error', (error) => {
      // An instance may answer before it has everything, and take no more; its answer itself tells if it is whole.
      if (isAnswered && !signal.aborted) return;
      if (error === tooLarge) answerText(response, 413, error.message);
      else if (signal.aborted) answerText(response, 504, timeoutText);
      else answerText(response, 503, 'The instance ended before it answered.');
    });
    signal.addEventListener('abort', () => upstream.destroy(new Error('timeout')), { once: true });
    response.once('close', () => {
      upstream.destroy();
      // Nothing takes the rest of a body any more, and the caller may still send it.
      request.resume();
      resolve();
    });
    let bytes = 0;
    const count = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > maxRequestBytes) upstream.destroy(tooLarge);
    };
    if (Number(request.headers['content-length']) > maxRequestBytes) upstream.destroy(tooLarge);
    else if (hasBody(request)) request.on('data', count).pipe(upstream);
    else upstream.end();
  });
}

/** A plain text answer of the platform itself; a response that has begun is cut off instead. */
export function answerText(response: ServerResponse, status: number, text: string): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  response.writeHead(status, { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

function hasBody(request: IncomingMessage): boolean {
  return (
    request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined
  );
}

function forwardedHeaders(request: IncomingMessage): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = { ...request.headers };
  for (const name of hopByHop) delete headers[name];
  const client = request.socket.remoteAddress ?? '';
  const before = request.headers['x-forwarded-for'];
  headers['x-forwarded-for'] = before === undefined ? client : `${before}, ${client}`;
  headers['x-forwarded-proto'] = 'http';
  return { ...headers, ...traceHeaders(request.headers) };
}

/**
 * The platform puts every request into a trace, the caller's where it says so in the header of W3C, and tells it in
 * both headers (https://cloud.google.com/run/docs/trace).
 */
function traceHeaders({ traceparent }: IncomingHttpHeaders): OutgoingHttpHeaders {
  const [, given] = /^00-([\da-f]{32})-[\da-f]{16}-[\da-f]{2}$/.exec(String(traceparent)) ?? [];
  const trace = given ?? randomBytes(16).toString('hex');
  const span = randomBytes(8);
  return {
    traceparent: `00-${trace}-${span.toString('hex')}-00`,
    'x-cloud-trace-context': `${trace}/${span.readBigUInt64BE()};o=0`,
  };
}

function withoutHopByHop(raw: string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const [name, value] = [raw[i], raw[i + 1]];
    if (name !== undefined && value !== undefined && !hopByHop.has(name.toLowerCase()))
      kept.push(name, value);
  }
  return kept;
}
