import { Agent, type ClientRequest, request } from 'node:http';
import type { LocalClock } from '../shared/clock.ts';
import type { Task } from './task.ts';

/** `status` is absent when no answer came: refused, broken off, or past the deadline. */
export interface DispatchResult {
  status: number | undefined;
  retryAfterMs: number;
}

/**
 * Tells the router of the local functions, which takes it off, why a task is dispatched: `first`, `waited` (its own
 * target put it back) or `retry`.
 */
export const deliveryHeader = 'x-local-delivery';

const noAnswer: DispatchResult = { status: undefined, retryAfterMs: 0 };

/** Makes the tasks' HTTP requests, over connections that are kept. */
export class Sender {
  readonly #clock: LocalClock;
  readonly #reach: (url: string) => string;
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 5000, scheduling: 'lifo' });
  /** Functions that each break off one dispatch under way. */
  readonly #open = new Set<() => void>();

  /** `reach`: the address, on this machine, of what a task's address means. */
  constructor(clock: LocalClock, reach = (url: string): string => url) {
    this.#clock = clock;
    this.#reach = reach;
  }

  /** Dispatches once. Never throws: whatever goes wrong is a dispatch without an answer. */
  async send(task: Task): Promise<DispatchResult> {
    const headers = dispatchHeaders(task);
    const first = await this.#request(task, headers);
    // A kept connection that the target closed at the same moment says nothing about the target.
    return first === 'stale' ? withoutStale(await this.#request(task, headers)) : first;
  }

  /** Breaks off every dispatch, unanswered. */
  cutAll(): void {
    for (const cut of this.#open) cut();
  }

  close(): void {
    this.cutAll();
    this.#agent.destroy();
  }

  #request(task: Task, headers: Record<string, string>): Promise<DispatchResult | 'stale'> {
    const { method, url, body } = task.request;
    return new Promise((resolve) => {
      let outgoing: ClientRequest;
      try {
        outgoing = request(this.#reach(url), { method, headers, agent: this.#agent });
      } catch {
        resolve(noAnswer);
        return;
      }
      let isCut = false;
      const cut = () => {
        isCut = true;
        outgoing.destroy();
      };
      const timer = this.#clock.setTimeout(cut, task.dispatchDeadlineMs);
      this.#open.add(cut);
      const settle = (result: DispatchResult | 'stale') => {
        this.#clock.clearTimeout(timer);
        this.#open.delete(cut);
        resolve(result);
      };
      outgoing.once('response', (incoming) => {
        const status = incoming.statusCode;
        const retryAfterMs = 1000 * (Number(incoming.headers['retry-after']) || 0);
        incoming.once('end', () => settle({ status, retryAfterMs }));
        incoming.once('close', () => settle(noAnswer));
        incoming.resume();
      });
      outgoing.once('error', (error: NodeJS.ErrnoException) => {
        const isStale = outgoing.reusedSocket && error.code === 'ECONNRESET' && !isCut;
        settle(isStale ? 'stale' : noAnswer);
      });
      outgoing.end(body.length > 0 ? body : undefined);
    });
  }
}

function withoutStale(result: DispatchResult | 'stale'): DispatchResult {
  return result === 'stale' ? noAnswer : result;
}

/** https://cloud.google.com/tasks/docs/creating-http-target-tasks#handler */
function dispatchHeaders(task: Task): Record<string, string> {
  const { headers, body, oidc } = task.request;
  const queueId = task.name.split('/').at(-3) ?? '';
  const sent: Record<string, string> = {
    'user-agent': 'Google-Cloud-Tasks',
    ...headers,
    'content-length': String(body.length),
    [deliveryHeader]: task.dispatchCount > 0 ? 'retry' : task.putBy === queueId ? 'waited' : 'first',
    'x-cloudtasks-queuename': queueId,
    'x-cloudtasks-taskname': task.id,
    'x-cloudtasks-taskretrycount': String(task.dispatchCount),
    'x-cloudtasks-taskexecutioncount': String(task.responseCount),
    'x-cloudtasks-tasketa': (task.dueMs / 1000).toFixed(6),
  };
  const previous = task.lastAttempt?.status;
  if (previous !== undefined) sent['x-cloudtasks-taskpreviousresponse'] = String(previous);
  if (oidc !== undefined) sent['authorization'] = `Bearer ${unsignedToken(oidc)}`;
  return sent;
}

/** A JSON Web Token in form, without a signature: enough for a handler that reads it and cannot verify it. */
function unsignedToken(oidc: { email: string; audience: string }): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = {
    iss: 'https://accounts.google.com',
    sub: oidc.email,
    email: oidc.email,
    email_verified: true,
  };
  return `${part({ alg: 'none', typ: 'JWT' })}.${part({ ...claims, aud: oidc.audience })}.`;
}
