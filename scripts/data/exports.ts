import { objectOf } from '../../functions/src/files/fileId.ts';
import { bodyReference } from '../../functions/src/staging/bodies.ts';
import type { Cloud } from './cloud.ts';
import type { Cost } from './cost.ts';
import { documentJson, pathOf, plainValue, readCollection, readDocument, valueJson } from './documents.ts';
import type { Item } from './item.ts';
import { answersIn, evaluationsNaming, idOf, isMiners, keysOf, type Miner, namedFiles } from './miner.ts';
import { objectItems } from './objects.ts';
import type { Reads } from './reads.ts';
import { wantedItems } from './waiting.ts';

interface ExportParts {
  cloud: Cloud;
  reads: Reads;
  cost: Cost;
}

/** All of one task: its document, bodies, the files that it names, what waits for it, and its dead letters. */
export async function* taskItems(parts: ExportParts, taskId: string): AsyncGenerator<Item> {
  const { cloud, reads, cost } = parts;
  const document = await readDocument(cloud, reads, `tasks/${taskId}`);
  if (document !== undefined) {
    yield { kind: 'task', source: pathOf(document), document: documentJson(document) };
    const plain = plainValue({ mapValue: { fields: document.fields ?? null } });
    for (const object of bodiesIn(plain)) yield* objectItems(cloud, cost, object, 'body');
    for (const fileId of namedFiles(plain)) yield* fileItems(parts, fileId);
  }
  yield* wantedItems(cloud, cost, (event) => (Object(event) as { taskId?: unknown }).taskId === taskId);
}

/** All of one miner. Every task and every file's document is read for it; `after`: the task to go on after. */
export async function* minerItems(parts: ExportParts, miner: Miner, after?: string): AsyncGenerator<Item> {
  const { cloud, reads, cost } = parts;
  const keys = await keysOf(cloud, miner);
  const keyIds = new Set(keys.own.map(({ id }) => id));
  for (const key of keys.own) yield { kind: 'key', source: 'GET /v1/keys', key };
  for (const key of keys.shared) yield { kind: 'key', source: 'GET /v1/keys', speaks_for_others: true, key };
  const [named, told] = [new Set<string>(), new Set<string>()];
  for await (const document of readCollection(cloud, reads, 'tasks', after)) {
    const [source, task_id] = [pathOf(document), idOf(document)];
    const answers = answersIn(document, miner);
    for (const { field, value, plain } of answers) {
      yield { kind: 'answer', source, task_id, field, value: valueJson(value) };
      for (const object of bodiesIn(plain)) yield* objectItems(cloud, cost, object, 'body');
      for (const fileId of namedFiles(plain)) named.add(fileId);
    }
    for (const { field, value } of evaluationsNaming(document, miner, answers))
      yield { kind: 'evaluation', source, task_id, field, value: valueJson(value) };
  }
  for await (const document of readCollection(cloud, reads, 'files')) {
    const isOwn = keyIds.has(String(plainValue(document.fields?.['made_by'])));
    if (!isOwn) continue;
    told.add(idOf(document));
    yield { kind: 'file', source: pathOf(document), document: documentJson(document) };
    yield* objectItems(cloud, cost, objectOf(idOf(document)) ?? '', 'file');
  }
  for await (const item of wantedItems(cloud, cost, (event) => isMiners(event, miner, keyIds))) {
    for (const fileId of namedFiles(item['event'])) named.add(fileId);
    yield item;
  }
  // An answer may name anybody's file: it says so.
  for (const fileId of named) {
    if (!told.has(fileId)) yield* fileItems(parts, fileId, { named_by_its_answers: true });
  }
}

async function* fileItems(
  { cloud, reads, cost }: ExportParts,
  fileId: string,
  more: object = {},
): AsyncGenerator<Item> {
  const document = await readDocument(cloud, reads, `files/${fileId}`);
  if (document !== undefined)
    yield { kind: 'file', source: pathOf(document), ...more, document: documentJson(document) };
  yield* objectItems(cloud, cost, objectOf(fileId) ?? '', 'file', more);
}

/** Names of the objects that hold bodies, as documents refer to them. */
function bodiesIn(value: unknown): string[] {
  const own = bodyReference(value)?.object;
  if (own !== undefined) return [own];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(bodiesIn) : [];
}
