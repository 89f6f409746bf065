import { subscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';
import type { ClientHttp2Stream } from 'node:http2';

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
