import type { IncomingMessage } from 'node:http';
import { deliveryHeader } from '../tasks/sender.ts';
import type { FunctionTrigger } from './manifest.ts';

/** More different ones than any code base has routes: what comes after them is counted as one. */
const maxCauses = 100;

/** Names what a function's requests are for, so that its bill can be told apart by it. */
export class Causes {
  readonly #known = new Set<string>();

  /**
   * A route (`GET /v1/tasks/…`); of a task queue function `first`, `waited` (it put the task itself) or `retry`; else
   * the kind of its trigger.
   */
  of(trigger: FunctionTrigger, request: IncomingMessage, path: string): string {
    if (trigger.kind === 'https') return this.#bounded(`${request.method} ${routeOf(path)}`);
    if (trigger.kind !== 'task_queue') return trigger.kind;
    return this.#bounded(String(request.headers[deliveryHeader] ?? 'direct'));
  }

  #bounded(cause: string): string {
    if (!this.#known.has(cause) && this.#known.size >= maxCauses) return 'other';
    this.#known.add(cause);
    return cause;
  }
}

/** The path up to the name of its resources: `/v1/tasks/…` for `/v1/tasks/42?x=1`. */
function routeOf(path: string): string {
  const resource = /^(?:\/api)?(?:\/v\d+)?\/[^/?]*/.exec(path)?.[0] ?? '/';
  return path[resource.length] === '/' ? `${resource}/…` : resource;
}
