import type { HttpHandler } from '../http/handler.ts';
import { cloudTasks } from '../platform/cloudTasks.ts';
import { acceptingRoutes, serve } from './http.ts';

/** Accepts events. */
export function start(): HttpHandler {
  void cloudTasks.prepare();
  return serve(acceptingRoutes());
}
