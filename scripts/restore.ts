/**
 * `npm run restore -- --project ID --from FILE`: puts back what `npm run export -- --waiting` wrote. Carriers go into
 * the spool, from where they come into the queue again; whatever is there already stays as it is. Repeating it, or
 * putting back what was written meanwhile, changes nothing: events are known by their stamps. Ends with 0 where all is
 * back, with 1 where it broke off (run it again), with 2 where it could not begin, with 3 where a line could not be
 * put back.
 */
import type { Bucket } from '@google-cloud/storage';
import { parsedJson } from '../functions/src/platform/json.ts';
import { spoolRecord } from '../functions/src/staging/spool.ts';
import { spoolName } from '../functions/src/staging/spoolName.ts';
import { readOptions, runCommand } from './command.ts';
import { cloudOptions, openCloud } from './data/cloud.ts';
import type { Item } from './data/item.ts';
import { checkWhole, itemsIn, type WholeItem } from './data/waitingFile.ts';

const usage =
  'Usage: npm run restore -- (--project ID [--bucket NAME] | --local [--port-offset N]) --from FILE';

await runCommand(main, 2);

async function main(): Promise<number> {
  const { from, ...flags } = readOptions(usage, { ...cloudOptions, from: { type: 'string' } });
  if (from === undefined) throw new Error(usage);
  await checkWhole(from);
  const cloud = await openCloud(flags);
  const counts = { back: 0, 'there already': 0, 'not put back': 0 };
  try {
    // What carriers point to comes before them.
    for (const isCarrying of [false, true]) {
      for await (const whole of itemsIn(from)) {
        const { kind, source } = whole.item;
        if (['carrier', 'spooled'].includes(kind) !== isCarrying) continue;
        const outcome = await putBack(cloud.bucket, whole);
        if (outcome === 'not put back') console.log(`not put back: ${kind} ${source}`);
        counts[outcome] += 1;
      }
    }
  } catch (error) {
    console.error(`Broken off: ${error instanceof Error ? error.message : String(error)}. Run it again.`);
    return 1;
  } finally {
    await cloud.close();
    console.log(
      Object.entries(counts)
        .map(([outcome, count]) => `${count} ${outcome}`)
        .join(', '),
    );
  }
  return counts['not put back'] > 0 ? 3 : 0;
}

type PutBack = 'back' | 'there already' | 'not put back';

async function putBack(bucket: Bucket, { item, bytes }: WholeItem): Promise<PutBack> {
  const { custom_time: customTime } = item;
  switch (item.kind) {
    case 'carrier': {
      const record = recordOf(item, bytes);
      // The same name each time: it is named by its task.
      const id = item.source.split('/').at(-1) ?? '';
      return record === undefined ? 'not put back' : create(bucket, spoolName(`restored-${id}`), record);
    }
    case 'spooled':
    case 'dead_letter':
      return create(bucket, item.source, bytes);
    case 'body':
      return create(bucket, item.source, bytes, typeof customTime === 'string' ? { customTime } : {});
    default:
      return 'not put back';
  }
}

/** A task's carrier as the spool holds it, due when it was. */
function recordOf(item: Item, bytes: Buffer): Buffer | undefined {
  const { data } = (parsedJson(bytes) ?? {}) as { data?: Record<string, unknown> };
  const queue = /\/queues\/[^/]*(flush|expire)\/tasks\//.exec(item.source)?.[1];
  if (data === undefined || (queue !== 'flush' && queue !== 'expire')) return undefined;
  return spoolRecord(queue, Date.parse(String(item['due'] ?? new Date().toISOString())), data);
}

/** Makes an object; one that is there stays. */
async function create(bucket: Bucket, name: string, bytes: Buffer, metadata: object = {}): Promise<PutBack> {
  try {
    const content = { metadata: { contentType: 'application/json', ...metadata } };
    await bucket
      .file(name)
      .save(bytes, { resumable: false, preconditionOpts: { ifGenerationMatch: 0 }, ...content });
    return 'back';
  } catch (error) {
    if ((error as { code?: unknown }).code === 412) return 'there already';
    throw error;
  }
}
