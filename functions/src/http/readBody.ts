import type { IncomingMessage } from 'node:http';
import { finished } from 'node:stream';
import type { Clock } from '../platform/clock.ts';
import { AppError } from '../platform/errors.ts';

/** A request with its body still to come, or in `rawBody` where a server has read it already. */
export type HttpRequest = IncomingMessage & { rawBody?: Buffer };

/** Room for a body that does not say its length. */
const firstRoomBytes = 64 * 1024;

/** The time for which a caller may go on sending what was refused. */
const refusedRestMs = 5_000;

/**
 * The whole body; `count` is told of its bytes as they come, and may throw.
 * @throws AppError `payload_too_large` past `maxBytes`, `unsupported_media_type` for an encoded body,
 * `invalid_request` when the caller went away halfway.
 */
export function readBody(
  request: HttpRequest,
  maxBytes: number,
  count: (bytes: number) => void,
): Promise<Buffer> {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    throw new AppError('unsupported_media_type', 'Send the body without Content-Encoding.');
  }
  const announced = announcedBytes(request);
  if (announced !== undefined && announced > maxBytes) throw tooLarge(maxBytes);
  if (request.rawBody === undefined) return readStream(request, announced, maxBytes, count);
  if (request.rawBody.length > maxBytes) throw tooLarge(maxBytes);
  count(request.rawBody.length);
  return Promise.resolve(request.rawBody);
}

/**
 * Lets the rest of a body that is not taken through unread, at most for a while, then goes on. A connection that is cut
 * while the caller still sends loses the answer: this comes between the answer and its end.
 */
export function letRestThrough(request: IncomingMessage, clock: Clock, goOn: () => void): void {
  const timer = clock.setTimeout(() => request.destroy(), refusedRestMs);
  finished(request, () => {
    clock.clearTimeout(timer);
    goOn();
  });
  request.resume();
}

/** From the headers as they came: in the others the guard hides it. */
function announcedBytes({ rawHeaders }: IncomingMessage): number | undefined {
  const at = rawHeaders.findIndex((name, index) => index % 2 === 0 && /^content-length$/i.test(name));
  return at === -1 ? undefined : Number(rawHeaders[at + 1]);
}

/** One buffer from the beginning: pieces to be joined take twice as much, and tiny ones far more. */
function readStream(
  request: IncomingMessage,
  announced: number | undefined,
  maxBytes: number,
  count: (bytes: number) => void,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (request.destroyed) return reject(endedEarly());
    // Frees what it transfers at once, not when garbage is collected.
    let room = new ArrayBuffer(announced ?? firstRoomBytes);
    let bytes = 0;
    const take = (chunk: Buffer): void => {
      const needed = bytes + chunk.length;
      try {
        if (needed > maxBytes) throw tooLarge(maxBytes);
        count(chunk.length);
      } catch (error) {
        request.off('data', take);
        room = room.transfer(0);
        reject(error);
        return;
      }
      if (needed > room.byteLength) room = room.transfer(Math.min(maxBytes, 2 * needed));
      new Uint8Array(room).set(chunk, bytes);
      bytes = needed;
    };
    request.on('data', take);
    request.once('end', () => resolve(Buffer.from(bytes < room.byteLength ? room.transfer(bytes) : room)));
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
