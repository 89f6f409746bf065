import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readLines, SnapshotError, writeLines } from '../shared/snapshot.ts';
import type { BucketState } from './bucket.ts';
import type { Buckets } from './buckets.ts';
import { checksumsOf } from './checksums.ts';
import type { StoredObject } from './object.ts';

const fileName = 'storage.jsonl';
const contentDir = 'storage';
const format = 'sluice-storage 1';

/** A bucket; its objects follow it. */
interface BucketLine extends Omit<BucketState, 'objects'> {
  bucketName: string;
}

/** An object; its content is in a file of its own, because its name may be no file name. */
interface ObjectLine extends Omit<StoredObject, 'data'> {
  file: string;
}

/** Writes the buckets with their live objects as they are at this moment, whatever is written meanwhile. */
export async function writeSnapshot(directory: string, buckets: Buckets): Promise<void> {
  await mkdir(join(directory, contentDir), { recursive: true });
  const index: (BucketLine | ObjectLine)[] = [];
  const contents: Buffer[] = [];
  for (const bucket of buckets.all()) {
    const { objects, ...state } = bucket.state();
    index.push({ bucketName: bucket.name, ...state });
    for (const { data, ...object } of objects) {
      index.push({ ...object, file: `${contentDir}/${contents.length}` });
      contents.push(data);
    }
  }
  for (const [i, data] of contents.entries()) await writeFile(join(directory, contentDir, String(i)), data);
  await writeLines(join(directory, fileName), format, index);
}

/**
 * Puts buckets and objects back, without events.
 * @throws SnapshotError also when an object's content is missing or another.
 */
export async function readSnapshot(directory: string, buckets: Buckets): Promise<void> {
  const read: { line: BucketLine; objects: StoredObject[] }[] = [];
  for await (const line of readLines<BucketLine | ObjectLine>(join(directory, fileName), format)) {
    if ('bucketName' in line) read.push({ line, objects: [] });
    else read.at(-1)?.objects.push(await objectOf(directory, line));
  }
  for (const { line, objects } of read) {
    const { bucketName, ...state } = line;
    const bucket = buckets.all().find(({ name }) => name === bucketName) ?? buckets.create(bucketName);
    bucket.restore({ ...state, objects });
  }
}

async function objectOf(directory: string, { file, ...object }: ObjectLine): Promise<StoredObject> {
  const path = join(directory, file);
  const data = await readFile(path).catch((error: unknown) => {
    throw new SnapshotError(path, 'it cannot be read', error);
  });
  if (checksumsOf(data).crc32c !== object.crc32c) throw new SnapshotError(path, 'its checksum is another');
  return { ...object, data };
}
