import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { invalid, StorageError } from './errors.ts';

/** A request as the handlers see it. */
export interface StorageRequest {
  readonly method: string;
  /** Decoded parts of the path, without the version's prefix. */
  readonly segments: string[];
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Scheme, host and port as the caller reached us. */
  readonly origin: string;
  /** True below `/upload/`. */
  readonly isUpload: boolean;
  readonly message: IncomingMessage;
}

export function unknownRoute({ method, message }: StorageRequest): StorageError {
  return new StorageError(404, 'notFound', `Not part of the local Cloud Storage: ${method} ${message.url}`);
}

/** An answer, and the class of operation that it is billed as; deletes are free. */
export interface StorageReply {
  status: number;
  headers?: Record<string, string | number>;
  json?: object;
  bytes?: Buffer;
  billedAs?: 'class_a' | 'class_b';
  /** The content is unpacked while it is sent, so nobody knows its length before. */
  isUnsized?: boolean;
}

/** The bytes of a body that arrived, and whether they were all of it. */
interface ReceivedBody {
  bytes: Buffer;
  isWhole: boolean;
}

const versionPrefix = /^\/(?:(upload|download)\/)?(?:storage\/v1\/|(?=b(?:\/|$)))/;

/** Reads the request's line and headers. Throws 400 for a path that cannot be decoded. */
export function readRequest(message: IncomingMessage): StorageRequest {
  const origin = `http://${message.headers.host ?? '127.0.0.1'}`;
  const url = new URL(message.url ?? '/', origin);
  const prefix = versionPrefix.exec(url.pathname);
  return {
    method: message.method ?? 'GET',
    segments: url.pathname
      .slice(prefix?.[0].length ?? 1)
      .split('/')
      .map(decode),
    query: url.searchParams,
    headers: message.headers,
    origin,
    isUpload: prefix?.[1] === 'upload',
    message,
  };
}

/** Collects the body; never throws: what was cut off is told as such. */
export async function readBody(message: IncomingMessage): Promise<ReceivedBody> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of message) chunks.push(chunk as Buffer);
    return { bytes: Buffer.concat(chunks), isWhole: true };
  } catch {
    return { bytes: Buffer.concat(chunks), isWhole: false };
  }
}

/** The body as a JSON object; an empty body is an empty one. Throws 400. */
export async function readJson(message: IncomingMessage): Promise<Record<string, unknown>> {
  return parseJson((await readWhole(message)).toString());
}

/** The whole body. Throws when it is cut off: the caller is gone. */
export async function readWhole(message: IncomingMessage): Promise<Buffer> {
  const { bytes, isWhole } = await readBody(message);
  if (!isWhole) throw invalid('The request was cut off.');
  return bytes;
}

export function parseJson(text: string): Record<string, unknown> {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {}
  throw invalid('Parse Error: the body is not a JSON object.');
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw invalid('The path is not encoded as a URL.');
  }
}
