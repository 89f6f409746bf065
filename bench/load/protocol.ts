/** Orders to the load process, and its answers. */
export interface LoadOrder {
  port: number;
  path: string;
  /** A key for `X-API-Key`. */
  key: string;
  /** JSON bodies, sent in turn. */
  bodies: string[];
  connections: number;
  /** Time before counting starts, and while it counts, milliseconds. */
  warmMs: number;
  measureMs: number;
}

export interface LoadResult {
  requestsPerSecond: number;
  /** Answers other than 2xx, and connections that broke. */
  failures: number;
  p50Ms: number;
  p99Ms: number;
}
