import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { LocalFunctions } from '../functions/index.ts';
import { answerText } from '../functions/proxy.ts';
import type { LocalClock } from '../shared/clock.ts';
import { closeServer, listen } from '../shared/http.ts';
import type { HostingUsage } from '../shared/service.ts';
import { Cdn, type Copy } from './cdn.ts';
import { readHostingConfig } from './config.ts';
import { headersFor, keepSessionCookie, passedOn } from './headers.ts';
import { serveStatic } from './static.ts';

/** Hosting answers 504 after 60 s: https://firebase.google.com/docs/hosting/functions#limitations */
const rewriteLimitMs = 60_000;

interface HostingOptions {
  port: number;
  clock: LocalClock;
  /** The firebase.json whose hosting part is served. */
  firebaseJson: string;
  functions: LocalFunctions;
  /** Answers what is under `/__local/`. */
  control(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

export interface LocalHosting {
  readonly port: number;
  /** Requests and bytes sent since the last reset; the control interface's traffic is none of Hosting's. */
  usage(): HostingUsage;
  resetUsage(): void;
  /** Requests that are not answered yet. */
  inFlight(): number;
  close(): Promise<void>;
}

/** Firebase Hosting on this machine: the static files first, then the rewrites to functions, else 404. */
export async function startHosting(options: HostingOptions): Promise<LocalHosting> {
  const { functions } = options;
  const { publicDir, rewrites, headers } = readHostingConfig(options.firebaseJson);
  for (const { functionId } of rewrites) {
    if (!functions.has(functionId))
      throw new Error(`A rewrite names a function that is missing: ${functionId}.`);
  }
  let inFlight = 0;
  let usage: HostingUsage = { requests: 0, hits: 0, bytes: 0 };
  const resetUsage = (): void => {
    usage = { requests: 0, hits: 0, bytes: 0 };
  };
  const cdn = new Cdn(() => options.clock.now());
  const meter = ({ socket }: IncomingMessage, response: ServerResponse): void => {
    const before = socket.bytesWritten;
    usage.requests += 1;
    inFlight += 1;
    response.once('close', () => {
      inFlight -= 1;
      usage.bytes += socket.bytesWritten - before;
    });
  };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = decodedPath(request.url ?? '/');
    if (path === undefined) return answerText(response, 400, 'The address is malformed.');
    if (path.startsWith('/__local/')) return options.control(request, response);
    meter(request, response);
    const configured = headersFor(headers, path);
    if (await serveStatic(publicDir, path, request, response, configured)) return;
    const rewrite = rewrites.find(({ pattern }) => pattern.test(path));
    if (rewrite === undefined) return answerText(response, 404, 'Not found.');
    keepSessionCookie(request);
    const copy = cdn.find(request);
    if (copy !== undefined) {
      usage.hits += 1;
      return answerCopy(request, response, copy, options.clock.now());
    }
    request.headers['x-forwarded-host'] ??= request.headers.host;
    await functions.serve({
      id: rewrite.functionId,
      request,
      response,
      path: request.url ?? '/',
      limitMs: rewriteLimitMs,
      headers: (raw, answer) => {
        const headers = passedOn(raw, configured);
        cdn.keep(request, answer, headers);
        return headers;
      },
    });
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => answerText(response, 500, String(error)));
  });
  server.requestTimeout = 0;
  const port = await listen(server, options.port, 'hosting');
  return {
    port,
    usage: () => ({ ...usage }),
    resetUsage,
    inFlight: () => inFlight,
    close: () => closeServer(server),
  };
}

function answerCopy(request: IncomingMessage, response: ServerResponse, copy: Copy, nowMs: number): void {
  const age = Math.floor((nowMs - copy.keptAtMs) / 1000);
  response.writeHead(200, [...copy.headers, 'age', String(age), 'x-cache', 'HIT']);
  response.end(request.method === 'HEAD' ? undefined : copy.body);
}

function decodedPath(url: string): string | undefined {
  try {
    return decodeURIComponent(url.split('?', 1)[0] ?? '/');
  } catch {
    return undefined;
  }
}
