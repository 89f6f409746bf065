import { allObjects } from '../files/figures.ts';
import { maxListedPages } from '../files/limits.ts';
import { isLabelled, recordOf } from '../files/object.ts';
import type { FileParts } from '../files/parts.ts';
import { removeFile } from '../files/removal.ts';
import { type Fields, ttlField } from '../platform/documents.ts';
import type { ObjectFacts } from '../platform/objects.ts';
import { taskPath } from '../tasks/document.ts';
import { orphanMs } from '../tasks/limits.ts';

/** The label of speech that a miner's key sent: for which task, and later that somebody created it. */
const taskLabel = 'task_id';
const foundLabel = { task_found: 'true' } as const;

/** Documents of tasks that expire are deleted within a day, usually (https://cloud.google.com/firestore/docs/ttl). */
const lostAfterMs = orphanMs + 7 * 86_400_000;

/** Tasks looked for in one run, and in one read. */
const maxSought = 1_000;
const maxReadTasks = 100;

/** The labels of speech for a task, which may be one that nobody ever creates. */
export function speechLabels(taskId: string): Record<string, string> {
  return { [taskLabel]: taskId };
}

/**
 * Deletes speech that miners' keys sent for tasks that are not there 57 days later. Each such object costs one read,
 * and one operation of Cloud Storage once its task is found. Bounded; what is left over is for the next run.
 * @throws DocumentError, AppError `unavailable`; what was done stays done.
 */
export async function removeLostSpeech(parts: FileParts): Promise<void> {
  const { objects, documents, clock, logger } = parts;
  const { pages } = await allObjects(objects, maxListedPages);
  const lostBeforeMs = clock.now() - lostAfterMs;
  const sought = pages.flat().filter((object) => isSought(object, lostBeforeMs));
  let deleted = 0;
  for (let start = 0; start < Math.min(sought.length, maxSought); start += maxReadTasks) {
    const some = sought.slice(start, Math.min(start + maxReadTasks, maxSought));
    const paths = some.map(({ labels }) => taskPath(labels[taskLabel] ?? ''));
    const found = await documents.read(paths, 'cleanup');
    for (const [index, object] of some.entries()) {
      const task = found[index]?.fields;
      if (task === undefined) {
        if (await removeFile(parts, recordOf(object)?.fileId ?? '')) deleted += 1;
      } else if (!isOrphaned(task)) await objects.label(object, foundLabel);
    }
  }
  if (deleted > 0) logger.info('Deleted speech for tasks that are not there', { files: deleted });
}

function isSought(object: ObjectFacts, lostBeforeMs: number): boolean {
  const { labels, createdMs } = object;
  return (
    createdMs < lostBeforeMs &&
    labels[taskLabel] !== undefined &&
    labels['task_found'] === undefined &&
    isLabelled(object)
  );
}

/** True for a document that will go as nobody created its task. */
function isOrphaned(task: Fields): boolean {
  return task[ttlField] !== undefined && !(task['created_at'] instanceof Date);
}
