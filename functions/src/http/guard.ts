import { subscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';

/**
 * Keeps bodies from parsers before our code, where one of these functions is served: the Functions Framework reads up
 * to 1 GiB of anybody's body and parses it (its source, server.ts) before the function sees a key. Node tells of a
 * request before it hands it to its server; without the headers that announce a body no parser looks for one.
 * `readBody` takes it from the stream, once the caller is known.
 */
export function keepBodiesFor(functionNames: readonly string[]): void {
  if (!functionNames.includes(process.env['FUNCTION_TARGET'] ?? '')) return;
  subscribe('http.server.request.start', (message) => {
    const { headers } = (message as { request: IncomingMessage }).request;
    delete headers['content-length'];
    delete headers['transfer-encoding'];
  });
}
