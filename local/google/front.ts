import { createServer } from 'node:http';
import { createSecureServer, Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { globPattern } from '../hosting/globs.ts';
import { closeServer, listen } from '../shared/http.ts';
import { answerCall } from './apis.ts';
import type { Call } from './call.ts';
import type { Certificates } from './certificates.ts';
import { type AnyRequest, type AnyResponse, forwardGrpc, forwardHttp } from './forward.ts';
import { released } from './hostingAdmin.ts';
import type { Instances } from './instances.ts';
import type { DeployedFunction, Project } from './project.ts';
import type { TaskHolder } from './queues.ts';
import { isStorageAdmin } from './storageAdmin.ts';

interface FrontOptions {
  project: Project;
  certificates: Certificates;
  instances: Instances;
  holder: TaskHolder;
  /** Ports of the simulators that hold the data, by host. */
  grpcPorts: Readonly<Record<string, number>>;
  storagePort: number;
  onCall: (call: Call, status: number, message: string | undefined) => void;
}

export interface Front {
  /** Plays all hosts, over TLS. */
  readonly port: number;
  /** Address, without TLS, at which this machine reaches what is at an address of one of Google's hosts. */
  reach(url: string): string;
  close(): Promise<void>;
}

export async function startFront(options: FrontOptions): Promise<Front> {
  const { key, certificate: cert } = options.certificates;
  const serve = (
    host: string | undefined,
    path: string,
    request: AnyRequest,
    response: AnyResponse,
  ): void => {
    const url = new URL(path, `https://${host?.replace(/:\d+$/, '') || 'none'}`);
    handle(options, url, request, response).catch((error: unknown) => {
      console.error('local Google: a request failed', error);
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  };
  const secure = createSecureServer({ key, cert, allowHTTP1: true }, (request, response) => {
    const { headers, url } = request;
    serve(headers[':authority'] ?? headers.host, url, request, response as Http2ServerResponse & AnyResponse);
  });
  const sockets = new Set<Socket>();
  secure.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const plain = createServer((request, response) => {
    const [, host, path] = /^\/([^/]+)(.*)$/.exec(request.url ?? '') ?? [];
    serve(host, path || '/', request, response);
  });
  const [port, plainPort] = [await listen(secure, 0, 'Google'), await listen(plain, 0, 'Google')];
  return {
    port,
    reach: (url) => url.replace('https://', `http://127.0.0.1:${plainPort}/`),
    close: async () => {
      const closed = new Promise<void>((resolve) => secure.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await Promise.all([closed, closeServer(plain)]);
    },
  };
}

async function handle(
  options: FrontOptions,
  url: URL,
  request: AnyRequest,
  response: AnyResponse,
): Promise<void> {
  const { headers, method = 'GET' } = request;
  const { host } = url;
  const type = headers['content-type'] ?? '';
  if (type.startsWith('application/grpc') && request instanceof Http2ServerRequest) {
    const port = options.grpcPorts[host];
    if (port !== undefined) return forwardGrpc(request, response, port);
  }
  if (host === 'storage.googleapis.com' && !isStorageAdmin(method, url.pathname)) {
    return forwardHttp(request, response, options.storagePort, url.pathname + url.search);
  }
  const target = functionFor(options.project, host, url);
  if (target !== undefined) {
    const port = await options.instances.port(target.deployed);
    return forwardHttp(request, response, port, target.path);
  }
  const bytes = await buffer(request);
  const path = decodeURIComponent(url.pathname);
  const parts = path.split('/').filter((part) => part !== '');
  const query = Object.fromEntries(url.searchParams);
  const call: Call = { host, method, path, parts, query, bytes, body: parsed(bytes, type) };
  const answer = answerCall(options.project, call, options.holder);
  const { error } = answer.body as { error?: { message: string } };
  options.onCall(call, answer.status, error?.message);
  const sent = { 'content-type': 'application/json', ...answer.headers };
  response.writeHead(answer.status, sent);
  response.end(JSON.stringify(answer.body));
}

function parsed(bytes: Buffer, type: string): unknown {
  const text = bytes.toString();
  if (type.includes('urlencoded')) return Object.fromEntries(new URLSearchParams(text));
  return type.includes('json') && text !== '' ? JSON.parse(text) : undefined;
}

/** A function that a host and path lead to: its own address, its service's, or a rewrite of the released site. */
function functionFor(
  project: Project,
  host: string,
  { pathname, search }: URL,
): { deployed: DeployedFunction; path: string } | undefined {
  const all = [...project.functions.values()];
  if (host.endsWith('.cloudfunctions.net')) {
    const [, id, rest = ''] = /^\/([^/]+)(.*)$/.exec(pathname) ?? [];
    const deployed = all.find(({ url }) => url === `https://${host}/${id}`);
    return deployed && { deployed, path: `${rest || '/'}${search}` };
  }
  if (host.endsWith('.run.app')) {
    const deployed = all.find(({ serviceConfig }) => serviceConfig.uri === `https://${host}`);
    return deployed && { deployed, path: pathname + search };
  }
  if (host !== `${project.id}.web.app`) return undefined;
  const rewrites = released(project)?.config?.rewrites ?? [];
  const run = rewrites.find(({ glob = '' }) => globPattern(glob).test(decodeURIComponent(pathname)))?.run;
  const service = `projects/${project.id}/locations/${run?.region}/services/${run?.serviceId}`;
  const deployed = all.find(({ serviceConfig }) => serviceConfig.service === service);
  return deployed && { deployed, path: pathname + search };
}
