/**
 * `npm run erase -- --project ID --miner UID --yes`: takes all of one miner out of an installation; `--dry-run` tells
 * what that is. Ends with 0 where nothing is left, with 1 where it broke off (run it again), with 2 where it was called
 * wrongly or could not begin, with 3 where something still waits or cannot be opened.
 */

import { readOptions, runCommand } from './command.ts';
import { callApi } from './data/api.ts';
import { eraseInCarrierObjects } from './data/carrierObjects.ts';
import { cloudOptions, openCloud } from './data/cloud.ts';
import { noCost, shownCost } from './data/cost.ts';
import {
  deleteFile,
  dropLetter,
  type ErasureParts,
  eraseAnswers,
  type Found,
  findMiner,
  foundWaiting,
  ignore404,
  type Progress,
} from './data/erasure.ts';
import { type ErasureRecord, erasureRecord } from './data/erasureRecord.ts';
import { keysOf, parseUid } from './data/miner.ts';
import { Reads } from './data/reads.ts';
import { wantedItems } from './data/waiting.ts';

const usage = `Usage: npm run erase -- (--project ID [--bucket NAME] | --local [--port-offset N]) [--key ADMIN_KEY]
  --miner UID [--hotkey HK] (--dry-run | --yes) [--after TASK_ID] [--pause-seconds 60]`;

/** Tasks in one request. */
const tasksTogether = 500;
/** Looks at what still waits, after a flush of up to 25 s each. */
const maxLooks = 4;

type Keys = Awaited<ReturnType<typeof keysOf>>;

const say = (line: string): void => console.log(line);

await runCommand(main, 2);

async function main(): Promise<number> {
  const values = readOptions(usage, {
    ...cloudOptions,
    miner: { type: 'string' },
    hotkey: { type: 'string' },
    'dry-run': { type: 'boolean' },
    yes: { type: 'boolean' },
    after: { type: 'string' },
    'pause-seconds': { type: 'string', default: '60' },
  });
  const { miner: uid, hotkey, after, yes, 'dry-run': isDryRun } = values;
  if (uid === undefined || (yes === true) === (isDryRun === true)) throw new Error(usage);
  const miner = { uid: parseUid(uid), hotkey };
  const cloud = await openCloud(values);
  const [reads, cost] = [new Reads(cloud), noCost()];
  const progress: Progress = { read: after, done: after };
  try {
    const keys = await keysOf(cloud, miner);
    const record = erasureRecord(cloud, cost, miner);
    const keyIds = new Set([...keys.own.map(({ id }) => id), ...(await record.read())]);
    const parts = { cloud, reads, cost, miner, keyIds, progress };
    if (isDryRun) return await show(parts, keys);
    return await erase(parts, keys, record, Number(values['pause-seconds']) * 1000);
  } catch (error) {
    console.error(`Broken off: ${error instanceof Error ? error.message : String(error)}`);
    const from =
      progress.done === undefined ? '' : `, with --after ${progress.done} for the other tasks alone`;
    console.error(`Run it again${from}.`);
    return 1;
  } finally {
    await reads.close();
    await cloud.close();
    say(`Cost: ${shownCost({ ...cost, firestore_reads: reads.spent })}.`);
  }
}

async function show(parts: ErasureParts, keys: Keys): Promise<number> {
  for (const { id } of keys.own) say(`key ${id}: would be revoked`);
  for (const { id } of keys.shared) say(`key ${id}: speaks for others too, and would stay`);
  let unreadable = 0;
  for await (const found of findMiner(parts)) {
    say(lineOf(found));
    if (found.kind === 'unreadable') unreadable += 1;
  }
  return unreadable > 0 ? 3 : 0;
}

function lineOf(found: Found): string {
  switch (found.kind) {
    case 'answers':
      return `task ${found.taskId}: its answers would be erased`;
    case 'waiting':
      return `task ${found.taskId}: an answer of it waits, and would be erased`;
    case 'evaluation':
      return `task ${found.taskId}: ${found.field} names it, and stays`;
    case 'file':
      return `file ${found.fileId}: would be deleted`;
    case 'other_file':
      return `file ${found.fileId}: its answer to ${found.taskId} names it, no key of its own made it, and it stays`;
    case 'dead_letter':
      return `dead letter ${found.id}: would be dropped`;
    case 'unreadable':
      return `${found.source}: cannot be opened by this version, whatever it holds`;
  }
}

async function erase(
  parts: ErasureParts,
  keys: Keys,
  record: ErasureRecord,
  pauseMs: number,
): Promise<number> {
  if (parts.keyIds.size > 0) await record.keep(parts.keyIds);
  if (await revoke(parts, keys)) await new Promise((resolve) => setTimeout(resolve, pauseMs));
  await flush(parts);
  const counts: Counts = { answers: 0, file: 0, dead_letter: 0, left: 0 };
  const asked = new Set<string>();
  await takeOut(parts, findMiner(parts), counts, asked);
  say(
    `answers in ${counts.answers} tasks erased, ${counts.file} files, ${counts.dead_letter} dead letters deleted`,
  );
  const { rewritten, unreadable } = await eraseInCarrierObjects(parts);
  if (rewritten > 0) say(`${rewritten} objects of carriers: written anew without it`);
  for (const name of unreadable) say(`${name}: cannot be opened by this version, whatever it holds`);
  const left = await untilNothingWaits(parts, asked);
  if (left + unreadable.length > 0) {
    say('Not done yet: run it again once what waits is written (docs/incidents.md).');
    return 3;
  }
  await record.remove();
  say('Nothing of it is left.');
  return 0;
}

/** Revokes the miner's own keys. Returns whether there were any. */
async function revoke({ cloud }: ErasureParts, { own, shared }: Keys): Promise<boolean> {
  let revoked = 0;
  for (const { id } of own) {
    try {
      await callApi(cloud, 'DELETE', `/v1/keys/${id}`).catch(ignore404);
      revoked += 1;
      say(`key ${id}: revoked`);
    } catch (error) {
      if ((error as { status?: unknown }).status !== 409) throw error;
      say(`key ${id}: is in the secret API_KEYS; take it out there (docs/operations.md, “Rotating keys”)`);
    }
  }
  for (const { id } of shared) say(`key ${id}: speaks for others too, and stays`);
  return revoked > 0;
}

interface Counts {
  answers: number;
  file: number;
  dead_letter: number;
  /** Found and not taken out: it waits, or cannot be opened. */
  left: number;
}

/** Takes out what was found, as it comes; `asked`: the tasks of which that was asked already. */
async function takeOut(
  parts: ErasureParts,
  all: AsyncIterable<Found>,
  counts: Counts,
  asked: Set<string>,
): Promise<void> {
  const taskIds = new Set<string>();
  const send = async (): Promise<void> => {
    if (taskIds.size > 0) await eraseAnswers(parts, [...taskIds]);
    counts.answers += taskIds.size;
    taskIds.clear();
    parts.progress.done = parts.progress.read;
  };
  try {
    for await (const found of all) {
      if (found.kind === 'answers' || found.kind === 'waiting') {
        if (!asked.has(found.taskId)) taskIds.add(found.taskId);
        asked.add(found.taskId);
        if (taskIds.size >= tasksTogether) await send();
      } else if (found.kind === 'file') {
        await deleteFile(parts, found.fileId);
        counts.file += 1;
      } else if (found.kind === 'dead_letter') {
        await dropLetter(parts, found);
        counts.dead_letter += 1;
      } else say(lineOf(found));
      if (found.kind === 'waiting' || found.kind === 'unreadable') counts.left += 1;
    }
  } finally {
    await send();
  }
}

/** Looks until nothing of the miner, and no erasure of it, waits any more. Returns how much still does. */
async function untilNothingWaits(parts: ErasureParts, asked: Set<string>): Promise<number> {
  const { cloud, cost, miner } = parts;
  const isErasure = (event: unknown): boolean => {
    const { kind, minerUid } = Object(event) as { kind?: unknown; minerUid?: unknown };
    return kind === 'erased' && minerUid === miner.uid;
  };
  for (let look = 1; ; look += 1) {
    await flush(parts);
    let erasures = 0;
    for await (const { kind } of wantedItems(cloud, cost, isErasure)) if (kind === 'event') erasures += 1;
    const counts: Counts = { answers: 0, file: 0, dead_letter: 0, left: 0 };
    await takeOut(parts, foundWaiting(parts), counts, asked);
    const { left, file, dead_letter: letters } = counts;
    if (left + erasures + file + letters === 0) return 0;
    if (look === maxLooks) {
      say(`${left} answers or carriers and ${erasures} erasures still wait`);
      return left + erasures + file + letters;
    }
  }
}

/** Has what was accepted before written, as far as that is possible now. */
async function flush({ cloud }: ErasureParts): Promise<void> {
  await callApi(cloud, 'POST', '/v1/flush?wait=true');
}
