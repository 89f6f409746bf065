import { sha256Hex } from '../../functions/src/platform/ids.ts';
import { parsedJson } from '../../functions/src/platform/json.ts';
import type { Cloud } from './cloud.ts';
import type { Cost } from './cost.ts';
import type { Miner } from './miner.ts';
import { getObject } from './objects.ts';

/** The ids of keys that an erasure revoked, kept in the bucket until it is done: what they made is known by them. */
export interface ErasureRecord {
  read(): Promise<string[]>;
  keep(keyIds: Iterable<string>): Promise<void>;
  remove(): Promise<void>;
}

export function erasureRecord(
  cloud: Pick<Cloud, 'bucket'>,
  cost: Cost,
  { uid, hotkey }: Miner,
): ErasureRecord {
  // It names no hotkey.
  const name = `control/erasing-${sha256Hex(`${uid}/${hotkey ?? ''}`)}.json`;
  return {
    read: async () => {
      const bytes = await getObject(cloud, cost, name);
      const { key_ids: ids = [] } = Object(bytes && parsedJson(bytes)) as { key_ids?: string[] };
      return ids;
    },
    keep: async (keyIds) => {
      cost.storage_class_a += 1;
      const content = JSON.stringify({ key_ids: [...keyIds] });
      await cloud.bucket.file(name).save(content, { resumable: false, contentType: 'application/json' });
    },
    remove: async () => {
      await cloud.bucket.file(name).delete({ ignoreNotFound: true });
    },
  };
}
