import { foldText } from '../../functions/src/events/carrier.ts';
import { unfold } from '../../functions/src/events/carrierReader.ts';
import type { Cloud } from './cloud.ts';
import type { Cost } from './cost.ts';
import { isMiners, type Miner } from './miner.ts';
import { getObject, listObjects } from './objects.ts';

interface CarrierObjectsOptions {
  cloud: Pick<Cloud, 'bucket'>;
  cost: Cost;
  miner: Miner;
  keyIds: ReadonlySet<string>;
}

/**
 * Takes a miner's lines out of the objects that hold whole carriers. They are written anew, not deleted: nobody knows
 * whether a copy of the carrier still points there. Returns how many had such lines, and which cannot be opened.
 * @throws where one changed meanwhile: repeating is safe
 */
export async function eraseInCarrierObjects({
  cloud,
  cost,
  miner,
  keyIds,
}: CarrierObjectsOptions): Promise<{ rewritten: number; unreadable: string[] }> {
  let rewritten = 0;
  const unreadable: string[] = [];
  for await (const { name, metadata } of listObjects(cloud, cost, 'bodies/carriers/')) {
    const packed = await getObject(cloud, cost, name);
    if (packed === undefined) continue;
    const lines = await linesOf(packed);
    if (lines === undefined) {
      unreadable.push(name);
      continue;
    }
    const others = lines.filter((line) => !isMiners(parsed(line), miner, keyIds));
    if (others.length === lines.length) continue;
    const { packed: rest } = await foldText(others.join('\n'));
    cost.storage_class_a += 1;
    await cloud.bucket.file(name).save(rest, {
      resumable: false,
      metadata: { customTime: metadata.customTime },
      preconditionOpts: { ifGenerationMatch: metadata.generation ?? 0 },
    });
    rewritten += 1;
  }
  return { rewritten, unreadable };
}

async function linesOf(packed: Buffer): Promise<string[] | undefined> {
  try {
    return (await unfold(packed)).toString('utf8').split('\n');
  } catch {
    return undefined;
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
