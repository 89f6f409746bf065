import { finalize } from '../files/finalize.ts';
import { type ObjectResource, objectFacts } from '../platform/cloudStorage.ts';
import { fileParts } from './fileParts.ts';

/** Works on objects that are complete. */
export function start(): (object: ObjectResource, eventMs: number) => Promise<void> {
  const parts = fileParts('worker');
  return (object, eventMs) => finalize(parts, objectFacts(object), eventMs);
}
