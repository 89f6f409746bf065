import { fileIdOfObject, folders, objectOf, secretFileId } from '../../functions/src/files/fileId.ts';
import { parsedJson } from '../../functions/src/platform/json.ts';
import { callApi } from './api.ts';
import type { Cloud } from './cloud.ts';
import type { Cost } from './cost.ts';
import { plainValue, readCollection, readDocument } from './documents.ts';
import { answersIn, evaluationsNaming, idOf, isMiners, type Miner, namedFiles } from './miner.ts';
import { describeObject, getObject, listObjects } from './objects.ts';
import type { Reads } from './reads.ts';
import { wantedItems } from './waiting.ts';

export interface ErasureParts {
  cloud: Cloud;
  reads: Reads;
  cost: Cost;
  miner: Miner;
  /** Ids of the keys that are, or were, the miner's alone. */
  keyIds: ReadonlySet<string>;
  progress: Progress;
}

/** Tasks in the order of their ids, as far as a run came. */
export interface Progress {
  /** The task to begin after, and later the last that was read. */
  read?: string | undefined;
  /** The last task up to which all that was found is taken out, or asked for. */
  done?: string | undefined;
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

async function* foundInTasks(parts: ErasureParts): AsyncGenerator<Found> {
  const { cloud, reads, miner, keyIds, progress } = parts;
  for await (const document of readCollection(cloud, reads, 'tasks', progress.read)) {
    const taskId = idOf(document);
    const answers = answersIn(document, miner);
    for (const { field } of evaluationsNaming(document, miner, answers))
      yield { kind: 'evaluation', taskId, field };
    for (const fileId of new Set(answers.flatMap(({ plain }) => [...namedFiles(plain)]))) {
      const madeBy = (await makerOfObject(parts, fileId)) ?? (await makerOfDocument(parts, fileId));
      if (madeBy === undefined || keyIds.has(madeBy)) continue;
      // An answer may name anybody's file.
      if (await isSpeech(parts, { fileId, madeBy, taskId })) yield { kind: 'file', fileId };
      else yield { kind: 'other_file', fileId, taskId };
    }
    // Behind its files: once it is erased nothing names them.
    if (answers.length > 0) yield { kind: 'answers', taskId };
    progress.read = taskId;
  }
}

/** The key that made a file in the bucket, by its object's label; undefined where there is none. */
async function makerOfObject(
  { cloud, cost }: Pick<ErasureParts, 'cloud' | 'cost'>,
  fileId: string,
): Promise<string | undefined> {
  const labels = (await describeObject(cloud, cost, objectOf(fileId) ?? ''))?.metadata;
  return labels?.['made_by'] === undefined ? undefined : String(labels['made_by']);
}

async function makerOfDocument({ cloud, reads }: ErasureParts, fileId: string): Promise<string | undefined> {
  const found = await readDocument(cloud, reads, `files/${fileId}`);
  return found && String(plainValue(found.fields?.['made_by']));
}

/** True for the miner's speech for a task: the id of such a file is made of these. */
async function isSpeech(
  { cloud, cost, miner }: Pick<ErasureParts, 'cloud' | 'cost' | 'miner'>,
  { fileId, madeBy, taskId }: { fileId: string; madeBy: string; taskId: string },
): Promise<boolean> {
  const secret = (await getObject(cloud, cost, 'control/file-secret'))?.toString('utf8');
  if (secret === undefined) return false;
  return secretFileId(secret, 'tts_audio', madeBy, taskId, String(miner.uid)) === fileId;
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
export async function* foundWaiting(parts: Omit<ErasureParts, 'reads'>): AsyncGenerator<Found> {
  const { cloud, cost, miner, keyIds } = parts;
  for await (const item of wantedItems(cloud, cost, (event) => isMiners(event, miner, keyIds))) {
    const { kind, source } = item;
    if (kind === 'unreadable') yield { kind, source };
    if (kind !== 'dead_letter' && kind !== 'event') continue;
    // A line that only a later version reads is there as its bytes.
    const event = item['event'] ?? parsedJson(Buffer.from(String(item['base64']), 'base64'));
    const found = kind === 'dead_letter' ? Object(event)['event'] : event;
    yield* speechIn(parts, found);
    if (kind === 'dead_letter') {
      const body = found?.response?.body?.object as string | undefined;
      yield { kind, id: source.replace(/^.*\/|\.json$/g, ''), body };
    } else yield* waitingOf(source, Object(found));
  }
}

/** An answer that waits, or the document of a file; one of a file that is deleted already is none. */
function* waitingOf(source: string, event: Record<string, unknown>): Generator<Found> {
  const { taskId, path, data } = event;
  if (typeof taskId === 'string') yield { kind: 'waiting', taskId };
  else if (typeof path !== 'string') yield { kind: 'unreadable', source };
  else if (Object(data)['status'] !== 'deleted') yield { kind: 'file', fileId: path.replace('files/', '') };
}

/** The miner's speech that an answer names which is in no task yet. */
async function* speechIn(
  parts: Omit<ErasureParts, 'reads'>,
  event: { taskId?: string; response?: unknown } | undefined,
): AsyncGenerator<Found> {
  const { taskId, response } = event ?? {};
  if (taskId === undefined) return;
  for (const fileId of namedFiles(response)) {
    const madeBy = await makerOfObject(parts, fileId);
    if (madeBy === undefined || parts.keyIds.has(madeBy)) continue;
    if (await isSpeech(parts, { fileId, madeBy, taskId })) yield { kind: 'file', fileId };
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
