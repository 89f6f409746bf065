/**
 * `npm run export -- --project ID (--task ID | --miner UID | --waiting)`: writes all of one task or miner, or what is
 * in no document yet, as lines of JSON. Ends with 0 where that is all of it, with 1 where it broke off, with 2 where it
 * was called wrongly or could not begin, with 3 where something could not be opened. Changes nothing.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, renameSync } from 'node:fs';
import { readOptions, runCommand } from './command.ts';
import { type Cloud, cloudOptions, openCloud } from './data/cloud.ts';
import { noCost, shownCost } from './data/cost.ts';
import { minerItems, taskItems } from './data/exports.ts';
import type { Item } from './data/item.ts';
import { parseUid } from './data/miner.ts';
import { Reads } from './data/reads.ts';
import { waitingItems } from './data/waiting.ts';

const usage = `Usage: npm run export -- (--project ID [--bucket NAME] | --local [--port-offset N]) [--key ADMIN_KEY]
  --out FILE (--task ID | --miner UID [--hotkey HK] [--after TASK_ID] | --waiting)
--out -: standard output`;

await runCommand(main, 2);

async function main(): Promise<number> {
  const values = readOptions(usage, {
    ...cloudOptions,
    task: { type: 'string' },
    miner: { type: 'string' },
    hotkey: { type: 'string' },
    after: { type: 'string' },
    waiting: { type: 'boolean' },
    out: { type: 'string' },
  });
  const { task, miner, hotkey, after, waiting, out } = values;
  if ([task, miner, waiting].filter((one) => one !== undefined).length !== 1 || out === undefined)
    throw new Error(usage);
  if (miner === undefined && (hotkey ?? after) !== undefined) throw new Error(usage);
  const uid = miner === undefined ? undefined : parseUid(miner);
  const cloud = await openCloud(values);
  const [reads, cost] = [new Reads(cloud), noCost()];
  const parts = { cloud, reads, cost };
  const items =
    task !== undefined
      ? taskItems(parts, task)
      : uid !== undefined
        ? minerItems(parts, { uid, hotkey }, after)
        : waitingItems(cloud, cost, Date.now());
  try {
    return await write(items, out, () => ({ ...cost, firestore_reads: reads.spent }));
  } catch (error) {
    console.error(`Broken off, not whole: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  } finally {
    await end(cloud, reads);
  }
}

/**
 * Writes the items, a line each, as fast as they are taken, and a last line that counts them; a file has its name only
 * once it is whole. Returns the exit code.
 */
async function write(
  items: AsyncIterable<Item>,
  out: string,
  cost: () => ReturnType<typeof noCost>,
): Promise<number> {
  const stream = out === '-' ? process.stdout : createWriteStream(`${out}.part`);
  const hash = createHash('sha256');
  const counts: Record<string, number> = {};
  let unreadable = 0;
  let lastTask: unknown;
  // Whoever writes next tells of it; a pipe that is cut may do so at any time.
  stream.on('error', () => undefined);
  const put = async (line: string): Promise<void> => {
    if (stream.errored) throw stream.errored;
    if (!stream.write(line)) await once(stream, 'drain');
  };
  try {
    for await (const item of items) {
      const line = `${JSON.stringify(item)}\n`;
      hash.update(line);
      counts[item.kind] = (counts[item.kind] ?? 0) + 1;
      if (item.kind === 'unreadable' || item['unreadable'] !== undefined) unreadable += 1;
      lastTask = item['task_id'] ?? lastTask;
      await put(line);
    }
  } catch (error) {
    if (lastTask !== undefined)
      console.error(`The last task written: --after ${lastTask} goes on from there.`);
    throw error;
  }
  await put(
    `${JSON.stringify({ kind: 'end', counts, unreadable, cost: cost(), sha256: hash.digest('hex') })}\n`,
  );
  if (out !== '-') {
    stream.end();
    if (!stream.closed) await once(stream, 'close');
    if (stream.errored) throw stream.errored;
    renameSync(`${out}.part`, out);
  }
  const lines = Object.entries(counts).map(([kind, count]) => `${count} ${kind}`);
  console.error(`${lines.join(', ') || 'Nothing'}. Cost: ${shownCost(cost())}.`);
  if (unreadable > 0) console.error(`${unreadable} cannot be opened by this version.`);
  return unreadable > 0 ? 3 : 0;
}

async function end(cloud: Cloud, reads: Reads): Promise<void> {
  await reads.close();
  await cloud.close();
}
