import { TaskReader, type TaskReaderOptions } from '../../functions/src/tasks/reading.ts';
import { readRoutes } from '../../functions/src/tasks/readRoutes.ts';
import { type Api, type Backend, startBackend } from '../support/api.ts';

/** A reader of the backend's tasks. */
export function taskReader(
  { documents, objects, clock }: Backend,
  changes: Partial<TaskReaderOptions> = {},
): TaskReader {
  const options = { documents, objects: objects.connect(), clock, readCacheMs: 5000, tickMs: 5000 };
  return new TaskReader({ ...options, ...changes });
}

/** Serves the routes by which a reader's tasks are read. */
export function serveReading(backend: Backend, reader = taskReader(backend)): Promise<Api> {
  const { documents, clock } = backend;
  return backend.serve(readRoutes({ reader, documents, clock }));
}

/** A backend that serves the routes by which tasks are read. */
export async function startReading(): Promise<{ backend: Backend; api: Api }> {
  const backend = await startBackend();
  return { backend, api: await serveReading(backend) };
}
