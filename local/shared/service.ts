import type { LocalClock } from './clock.ts';
import type { Faults } from './faults.ts';

/** Options of every simulator. `port` 0 takes a free one. */
export interface ServiceOptions {
  port: number;
  clock: LocalClock;
  faults: Faults;
}

/** A running simulator. `Usage` counts what the service would bill since the last reset. */
export interface LocalService<Usage> {
  readonly port: number;
  /** Calls being worked on now. The stack's `clock/advance` waits until nothing moves. */
  inFlight(): number;
  usage(): Usage;
  resetUsage(): void;
  close(): Promise<void>;
}

export interface FirestoreUsage {
  reads: number;
  writes: number;
  deletes: number;
}

/** Bytes that Hosting sent, static files and answers of functions. */
export interface HostingUsage {
  requests: number;
  /** Requests that a copy in the CDN answered without a function. */
  hits: number;
  bytes: number;
}

export interface TasksUsage {
  operations: number;
}

export interface StorageUsage {
  class_a: number;
  class_b: number;
}
