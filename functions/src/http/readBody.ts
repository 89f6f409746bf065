import type { IncomingMessage } from 'node:http';
import { AppError } from '../platform/errors.ts';

/** A request as Cloud Functions hands it over: the framework has read the body into `rawBody`, where there was one. */
export type HttpRequest = IncomingMessage & { rawBody?: Buffer };

const empty = Buffer.alloc(0);

/**
 * The whole body, from `rawBody` or from the stream.
 * @throws AppError `payload_too_large` past `maxBytes`, `unsupported_media_type` for an encoded body,
 * `invalid_request` when the caller went away halfway.
 */
export async function readBody(request: HttpRequest, maxBytes: number): Promise<Buffer> {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    throw new AppError('unsupported_media_type', 'Send the body without Content-Encoding.');
  }
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > maxBytes) throw tooLarge(maxBytes);
  const body = request.rawBody ?? (request.readableEnded ? empty : await readStream(request, maxBytes));
  // What the framework read and parsed is not looked at again: it need not be kept while the request waits.
  Object.assign(request, { rawBody: empty, body: undefined });
  if (body.length > maxBytes) throw tooLarge(maxBytes);
  return body;
}

/** Past the limit the rest is let through unread: a connection cut while the caller still sends loses the answer. */
function readStream(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (request.destroyed) return reject(endedEarly());
    const chunks: Buffer[] = [];
    let bytes = 0;
    const take = (chunk: Buffer): void => {
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes <= maxBytes) return;
      request.off('data', take);
      request.resume();
      reject(tooLarge(maxBytes));
    };
    request.on('data', take);
    request.once('end', () =>
      resolve(chunks.length === 1 ? (chunks[0] ?? empty) : Buffer.concat(chunks, bytes)),
    );
    request.once('error', (cause) => reject(endedEarly(cause)));
    request.once('close', () => {
      if (!request.readableEnded) reject(endedEarly());
    });
  });
}

function tooLarge(maxBytes: number): AppError {
  return new AppError('payload_too_large', `The body is larger than ${maxBytes} bytes.`);
}

function endedEarly(cause?: unknown): AppError {
  return new AppError('invalid_request', 'The body ended early.', { cause });
}
