import type { File } from '@google-cloud/storage';
import { parsedJson } from '../../functions/src/platform/json.ts';
import { deadLettersPrefix, isDeadLetterName } from '../../functions/src/staging/deadLetterName.ts';
import { isSpoolName, spoolPrefix } from '../../functions/src/staging/spoolName.ts';
import type { Cloud } from './cloud.ts';
import type { Cost } from './cost.ts';
import { type Item, maxLineBytes } from './item.ts';

/** Objects of one list call. */
const pageSize = 1_000;

type Bucketed = Pick<Cloud, 'bucket'>;

/** Objects under a prefix in the order of their names, as the pages of the listing come. */
export async function* listObjects({ bucket }: Bucketed, cost: Cost, prefix: string): AsyncGenerator<File> {
  let pageToken: string | undefined;
  do {
    const query = { prefix, maxResults: pageSize, autoPaginate: false, ...(pageToken && { pageToken }) };
    const [files, next] = await bucket.getFiles(query);
    cost.storage_class_a += 1;
    yield* files;
    pageToken = (next as { pageToken?: string } | null)?.pageToken;
  } while (pageToken !== undefined);
}

/** The whole of an object that is small by its kind; undefined where there is none. */
export async function getObject({ bucket }: Bucketed, cost: Cost, name: string): Promise<Buffer | undefined> {
  cost.storage_class_b += 1;
  try {
    return (await bucket.file(name).download({ validation: false }))[0];
  } catch (error) {
    if ((error as { code?: unknown }).code === 404) return undefined;
    throw error;
  }
}

/** The lines of an object as it is stored; none where it is gone. */
export async function* objectItems(
  cloud: Bucketed,
  cost: Cost,
  name: string,
  kind: Item['kind'],
  more: object = {},
): AsyncGenerator<Item> {
  const metadata = await describeObject(cloud, cost, name);
  if (metadata === undefined) return;
  const { size, contentType, customTime, timeCreated, generation, md5Hash, metadata: labels } = metadata;
  const bytes = Number(size ?? 0);
  const about = { bytes, content_type: contentType, created: timeCreated, custom_time: customTime };
  const item: Item = {
    kind,
    source: name,
    ...more,
    ...about,
    generation: String(generation),
    md5: md5Hash,
    labels,
  };
  if (bytes === 0) yield { ...item, offset: 0, base64: '' };
  for (let offset = 0; offset < bytes; offset += maxLineBytes) {
    const end = Math.min(bytes, offset + maxLineBytes) - 1;
    cost.storage_class_b += 1;
    const ofVersion = cloud.bucket.file(name, { generation: generation ?? '' });
    const [part] = await ofVersion.download({ start: offset, end, validation: false });
    yield { ...(offset === 0 ? item : { kind, source: name }), offset, base64: part.toString('base64') };
  }
}

/** Describes an object, as the bucket does; undefined where there is none. */
export async function describeObject(
  { bucket }: Bucketed,
  cost: Cost,
  name: string,
): Promise<File['metadata'] | undefined> {
  cost.storage_class_b += 1;
  try {
    return (await bucket.file(name).getMetadata())[0];
  } catch (error) {
    if ((error as { code?: unknown }).code === 404) return undefined;
    throw error;
  }
}

/** A small object of JSON that Sluice keeps: a dead letter, or a spooled carrier. */
interface KeptJson {
  name: string;
  bytes: Buffer;
  value: unknown;
}

/** Dead letters, one after the other. */
export function deadLetters(cloud: Bucketed, cost: Cost): AsyncGenerator<KeptJson> {
  return kept(cloud, cost, deadLettersPrefix, isDeadLetterName);
}

/** Spooled carriers, one after the other. */
export function spooled(cloud: Bucketed, cost: Cost): AsyncGenerator<KeptJson> {
  return kept(cloud, cost, spoolPrefix, isSpoolName);
}

async function* kept(
  cloud: Bucketed,
  cost: Cost,
  prefix: string,
  isOwn: (name: string) => boolean,
): AsyncGenerator<KeptJson> {
  for await (const { name } of listObjects(cloud, cost, prefix)) {
    if (!isOwn(name)) continue;
    const bytes = await getObject(cloud, cost, name);
    if (bytes !== undefined) yield { name, bytes, value: parsedJson(bytes) };
  }
}
