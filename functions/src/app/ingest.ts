import type { HttpHandler } from '../http/handler.ts';
import { cloudTasks } from '../platform/cloudTasks.ts';
import { clock } from './base.ts';
import { acceptingRoutes, serve } from './http.ts';

/** Accepts events. */
export function start(): HttpHandler {
  // Behind the request that started the instance: while its group lingers, nothing else has work to do.
  clock.setTimeout(() => void cloudTasks.prepare(), 0);
  return serve(acceptingRoutes());
}
