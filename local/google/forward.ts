import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, constants, type Http2ServerRequest, type IncomingHttpHeaders } from 'node:http2';

export type AnyRequest = IncomingMessage | Http2ServerRequest;
/** Node's two kinds of answers are used alike, which their types do not say. */
export type AnyResponse = ServerResponse;

/** Headers that belong to one connection. */
const hopByHop = /^(:.*|connection|host|keep-alive|te|transfer-encoding|http2-settings|upgrade)$/;

function endToEnd(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !hopByHop.test(name)));
}

/** Forwards an HTTP/1.1 request to a port of this machine under another path. */
export function forwardHttp(incoming: AnyRequest, response: AnyResponse, port: number, path: string): void {
  const { method, headers } = incoming;
  const host = headers[':authority'] ?? headers.host;
  const sent = { ...endToEnd(headers), ...(host && { host: String(host) }) };
  const outgoing = httpRequest({ host: '127.0.0.1', port, path, method, headers: sent }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, endToEnd(answer.headers) as Record<string, string>);
    answer.pipe(response);
  });
  outgoing.on('error', () => refuse(response));
  incoming.pipe(outgoing);
}

function refuse(response: AnyResponse): void {
  if (!response.headersSent) response.writeHead(502);
  response.end();
}

const { HTTP2_HEADER_PATH, HTTP2_HEADER_STATUS, HTTP2_METHOD_POST } = constants;

/** Forwards a gRPC call, with its trailers, to a server without TLS at a port of this machine. */
export function forwardGrpc(incoming: Http2ServerRequest, response: AnyResponse, port: number): void {
  const session = connect(`http://127.0.0.1:${port}`);
  const { headers } = incoming;
  const outgoing = session.request({
    ...endToEnd(headers),
    te: 'trailers',
    ':method': HTTP2_METHOD_POST,
    [HTTP2_HEADER_PATH]: headers[HTTP2_HEADER_PATH],
  });
  outgoing.on('response', (answer) => {
    response.statusCode = Number(answer[HTTP2_HEADER_STATUS]);
    for (const [name, value = ''] of Object.entries(endToEnd(answer))) response.setHeader(name, value);
    // An answer with its status in its headers ends with them; others' begin now.
    if (answer['grpc-status'] === undefined) response.flushHeaders();
  });
  outgoing.on('data', (chunk: Buffer) => response.write(chunk));
  outgoing.on('trailers', (trailers) => response.addTrailers(endToEnd(trailers) as Record<string, string>));
  for (const side of [session, outgoing, incoming.stream]) side.on('error', () => session.destroy());
  // Its data may end before its trailers are here.
  outgoing.on('close', () => {
    response.end();
    session.close();
  });
  incoming.stream.on('close', () => outgoing.close());
  incoming.pipe(outgoing);
}
