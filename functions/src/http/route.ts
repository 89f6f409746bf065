import type { Readable } from 'node:stream';
import type { ErrorCode } from '../platform/errors.ts';
import type { Role } from './roles.ts';
import type { Schema } from './schema.ts';

/** The caller: the key behind the request. */
export interface Caller {
  keyId: string;
  role: Role;
  /** The uids (or hotkeys) that a miner's or validator's key speaks for; undefined: for all. */
  uids?: readonly number[];
  hotkeys?: readonly string[];
}

/** A request as handlers see it: authenticated, its body read and bounded. */
export interface ApiRequest {
  requestId: string;
  method: string;
  path: string;
  params: Readonly<Record<string, string>>;
  query: URLSearchParams;
  /** Header names in lower case. */
  header(name: string): string | undefined;
  /** The whole body as it came; at most MAX_BODY_BYTES. */
  body: Buffer;
  caller: Caller;
}

/** An answer. `json` is sent as `application/json` unless `headers` says otherwise. */
export interface ApiResponse {
  status: number;
  json?: unknown;
  /** Sent instead of `json`; its length is known only where `headers` says it. */
  stream?: Readable;
  headers?: Readonly<Record<string, string>>;
  /** Seconds for which caches on the way may give it again to the same key; by default none may. It is compressed. */
  sharedSeconds?: number;
}

/** A content in openapi.json: its schema and an example that fits it; without one it is made of the schema. */
export interface Content {
  schema?: Schema;
  example?: unknown;
}

/** An answer with more to say of it than its JSON. */
export interface DescribedAnswer extends Content {
  description?: string;
  mediaType?: string;
  /** Headers that it always has, beside those of every answer. */
  headers?: readonly string[];
}

/** A route answers requests of one method to one path; functions describe it in openapi.json, called for that alone. */
export interface Route {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** With `:name` for a segment that becomes a parameter. */
  path: string;
  /** Roles that may call it, and with them those that include one of them; `public` needs no key. */
  access: readonly Role[] | 'public';
  summary: string;
  /** Schemas of what a request says, as `defineRoute` reads it. */
  params?: (() => Schema) | undefined;
  query?: (() => Schema) | undefined;
  body?: (() => Schema) | undefined;
  /** An example of the JSON that `body` is a schema of. */
  example?: () => unknown;
  /** Bodies that the route reads itself, by media type. */
  bodies?: () => Readonly<Record<string, Content>>;
  /** Headers that it heeds, beside those of every request. */
  headers?: readonly string[];
  /** Answers to what is accepted, by status: the schema of the JSON, or more; empty for an answer without a body. */
  answers: () => Readonly<Record<number, Schema | DescribedAnswer>>;
  /** Refusals beside those that every route has. */
  refusals?: readonly ErrorCode[];
  handle(request: ApiRequest): Promise<ApiResponse>;
}

/** A route as requests meet it. */
export type ServedRoute = Pick<Route, 'method' | 'path' | 'access' | 'handle'>;
