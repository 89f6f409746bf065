import type { Readable } from 'node:stream';

/** What a key may do. `admin` may do everything. */
export const roles = ['miner', 'validator', 'ingest', 'read', 'admin'] as const;
export type Role = (typeof roles)[number];

/** Who called: the key behind the request. */
export interface Caller {
  keyId: string;
  role: Role;
  /** Where set, a miner key speaks only for these uids (or hotkeys). */
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
}

export interface Route {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** With `:name` for a segment that becomes a parameter. */
  path: string;
  /** Who may call it, besides `admin`; `public` needs no key. */
  access: readonly Role[] | 'public';
  handle(request: ApiRequest): Promise<ApiResponse>;
}
