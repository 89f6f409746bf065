import { fileIdOfObject, folders, secretFileId } from '../../functions/src/files/fileId.ts';
import { callApi } from './api.ts';
import type { Cloud } from './cloud.ts';
import type { Cost } from './cost.ts';
import { plainValue, readCollection, readDocument } from './documents.ts';
import { answersIn, evaluationsNaming, idOf, isMiners, type Miner, namedFiles } from './miner.ts';
import { getObject, listObjects } from './objects.ts';
import type { Reads } from './reads.ts';
import { wantedItems } from './waiting.ts';

export interface ErasureParts {
  cloud: Cloud;
  reads: Reads;
  cost: Cost;
  miner: Miner;
  /** Ids of the keys that are, or were, the miner's alone. */
  keyIds: ReadonlySet<string>;
}

/** A part of the miner's data: what it is, and where. */
export type Found =
  | { kind: 'answers' | 'waiting'; taskId: string }
  | { kind: 'evaluation'; taskId: string; field: string }
  | { kind: 'file'; fileId: string }
  | { kind: 'other_file'; fileId: string; taskId: string }
  | { kind: 'dead_letter'; id: string; body: string | undefined }
  | { kind: 'unreadable'; source: string };

/** Finds all of a miner, whatever it is in. Every task and every file's document is read for it. */
export async function* findMiner(parts: ErasureParts): AsyncGenerator<Found> {
  yield* foundInTasks(parts);
  yield* foundFiles(parts);
  yield* foundWaiting(parts);
}

async function* foundInTasks({ cloud, reads, cost, miner, keyIds }: ErasureParts): AsyncGenerator<Found> {
  const secret = (await getObject(cloud, cost, 'control/file-secret'))?.toString('utf8');
  for await (const document of readCollection(cloud, reads, 'tasks')) {
    const taskId = idOf(document);
    const answers = answersIn(document, miner);
    if (answers.length > 0) yield { kind: 'answers', taskId };
    for (const { field } of evaluationsNaming(document, miner, answers))
      yield { kind: 'evaluation', taskId, field };
    for (const fileId of new Set(answers.flatMap(({ plain }) => [...namedFiles(plain)]))) {
      const found = await readDocument(cloud, reads, `files/${fileId}`);
      if (found === undefined) continue;
      const madeBy = String(plainValue(found.fields?.['made_by']));
      // An answer may name anybody's file. The id of a miner's speech is made of its task and uid.
      const isSpeech =
        secret !== undefined &&
        secretFileId(secret, 'tts_audio', madeBy, taskId, String(miner.uid)) === fileId;
      if (keyIds.has(madeBy)) continue;
      yield isSpeech ? { kind: 'file', fileId } : { kind: 'other_file', fileId, taskId };
    }
  }
}

async function* foundFiles({ cloud, reads, cost, keyIds }: ErasureParts): AsyncGenerator<Found> {
  if (keyIds.size === 0) return;
  const told = new Set<string>();
  for await (const document of readCollection(cloud, reads, 'files')) {
    const isDeleted = plainValue(document.fields?.['status']) === 'deleted';
    const madeBy = String(plainValue(document.fields?.['made_by']));
    if (!keyIds.has(madeBy) || isDeleted) continue;
    told.add(idOf(document));
    yield { kind: 'file', fileId: idOf(document) };
  }
  // Their documents may still wait.
  for (const folder of folders) {
    for await (const { name, metadata } of listObjects(cloud, cost, `${folder}/`)) {
      const fileId = fileIdOfObject(name);
      const madeBy = String(metadata.metadata?.['made_by']);
      if (fileId !== undefined && keyIds.has(madeBy) && !told.has(fileId)) yield { kind: 'file', fileId };
    }
  }
}

/** Finds what is in no document: in queue and spool, and dead letters. Reads nothing of Firestore. */
export async function* foundWaiting({
  cloud,
  cost,
  miner,
  keyIds,
}: Omit<ErasureParts, 'reads'>): AsyncGenerator<Found> {
  for await (const item of wantedItems(cloud, cost, (event) => isMiners(event, miner, keyIds))) {
    const { kind, source, event } = item;
    if (kind === 'unreadable') yield { kind, source };
    else if (kind === 'dead_letter') {
      const letter = JSON.parse(Buffer.from(String(item['base64']), 'base64').toString('utf8'));
      const body = letter.event?.response?.body?.object as string | undefined;
      yield { kind, id: source.replace(/^.*\/|\.json$/g, ''), body };
    } else if (kind === 'event') {
      const { taskId } = Object(event) as { taskId?: string };
      if (taskId !== undefined) yield { kind: 'waiting', taskId };
    }
  }
}

/** Has a miner's answers to these tasks erased; durable once it returns. */
export async function eraseAnswers(
  { cloud, miner }: ErasureParts,
  taskIds: readonly string[],
): Promise<void> {
  const of = { miner_uid: miner.uid, ...(miner.hotkey === undefined ? {} : { hotkey: miner.hotkey }) };
  await callApi(cloud, 'POST', '/v1/erasures', { ...of, task_ids: taskIds });
}

/** Deletes a file; one that is gone already is no error. */
export async function deleteFile({ cloud }: Pick<ErasureParts, 'cloud'>, fileId: string): Promise<void> {
  await callApi(cloud, 'DELETE', `/v1/files/${fileId}`).catch(ignore404);
}

/** Drops a dead letter, and the object of its body. */
export async function dropLetter(
  { cloud }: Pick<ErasureParts, 'cloud'>,
  letter: Found & { kind: 'dead_letter' },
) {
  if (letter.body?.startsWith('bodies/'))
    await cloud.bucket.file(letter.body).delete({ ignoreNotFound: true });
  await callApi(cloud, 'DELETE', `/v1/dead-letters/${letter.id}`).catch(ignore404);
}

export function ignore404(error: unknown): void {
  if ((error as { status?: unknown }).status !== 404) throw error;
}
