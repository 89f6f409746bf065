import { subscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';
import http2, { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { syncBuiltinESMExports } from 'node:module';
import zlib from 'node:zlib';

/** Counts this process's calls over HTTP and gRPC that have not ended. */
export function countOpenCalls(): () => number {
  let open = 0;
  const opened = (call: ClientRequest | ClientHttp2Stream): void => {
    open += 1;
    call.once('close', () => {
      open -= 1;
    });
  };
  subscribe('http.client.request.created', (message) =>
    opened((message as { request: ClientRequest }).request),
  );
  subscribe('http2.client.stream.created', (message) =>
    opened((message as { stream: ClientHttp2Stream }).stream),
  );
  return () => open;
}

type Callback = (error: Error | null, result: NonSharedBuffer) => void;

/**
 * Counts work that is no call and waits for no timer: compressing, reading files, looking up names, connecting. A gRPC
 * call begins only when its connection has the other end's settings.
 */
export function countPendingWork(): () => number {
  let compressing = 0;
  const connecting = countConnecting();
  for (const name of ['deflateRaw', 'inflateRaw', 'gzip'] as const) {
    const original = zlib[name] as (...args: unknown[]) => void;
    const counted = (...args: unknown[]): void => {
      const callback = args.pop() as Callback;
      compressing += 1;
      original(...args, ((error, result) => {
        compressing -= 1;
        callback(error, result);
      }) satisfies Callback);
    };
    Object.assign(zlib, { [name]: counted });
  }
  syncBuiltinESMExports();
  const isPending = (resource: string): boolean => /^FSReq|AddrInfo|ConnectWrap/.test(resource);
  return () => compressing + connecting() + process.getActiveResourcesInfo().filter(isPending).length;
}

function countConnecting(): () => number {
  const pending = new Set<ClientHttp2Session>();
  const connect = http2.connect as (...args: unknown[]) => ClientHttp2Session;
  const counted = (...args: unknown[]): ClientHttp2Session => {
    const session = connect(...args);
    pending.add(session);
    const settle = (): boolean => pending.delete(session);
    session.once('remoteSettings', settle).once('error', settle).once('close', settle);
    return session;
  };
  Object.assign(http2, { connect: counted });
  return () => pending.size;
}
