import type { HttpHandler } from '../http/handler.ts';
import { cloudTasksClient } from '../platform/cloudTasks.ts';
import { acceptingRoutes, serve } from './http.ts';

/** Accepts events. */
export function start(): HttpHandler {
  void cloudTasksClient().catch(() => undefined);
  return serve(acceptingRoutes());
}
