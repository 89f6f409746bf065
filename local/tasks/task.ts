/** One dispatch of a task and what came of it. Times in ms of the stack's clock. */
export interface Attempt {
  scheduledMs: number;
  dispatchedMs: number;
  respondedMs?: number;
  /** HTTP status; absent when no answer came. */
  status?: number;
}

/** The HTTP request that a task makes when it is dispatched. */
export interface TaskRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: Uint8Array;
  oidc: { email: string; audience: string } | undefined;
}

/** A caller's request, of which `createTask` makes a task. */
export interface NewTask {
  /** Full resource name; absent: one is made. */
  name: string | undefined;
  request: TaskRequest;
  scheduleMs: number | undefined;
  dispatchDeadlineMs: number;
  /** Bytes as sent, which are billed. */
  bytes: number;
  /** The caller who put it, where that is known. */
  putBy?: string | undefined;
}

export interface Task extends Omit<NewTask, 'name' | 'scheduleMs'> {
  readonly name: string;
  /** The last part of the name. */
  readonly id: string;
  /** True for a name that the caller chose: it stays taken after use, as no other does. */
  readonly isNamed: boolean;
  /** Place in the order of creation, from 1. */
  readonly sequence: number;
  readonly createdMs: number;
  dueMs: number;
  dispatchCount: number;
  responseCount: number;
  firstAttempt: Attempt | undefined;
  lastAttempt: Attempt | undefined;
  state: 'waiting' | 'running' | 'gone';
}
