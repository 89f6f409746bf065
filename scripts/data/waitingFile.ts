import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Item } from './item.ts';

/** A line as an export wrote it: an item, or the last one, which counts them. */
type Line = Item | { kind: 'end'; sha256: string };

/** An item and its bytes, of all of its lines. */
export interface WholeItem {
  item: Item;
  bytes: Buffer;
}

/** The items of an export, each once, whatever number of lines it has. */
export async function* itemsIn(file: string): AsyncGenerator<WholeItem> {
  let item: Item | undefined;
  let parts: Buffer[] = [];
  for await (const text of linesOf(file)) {
    const line = JSON.parse(text) as Line;
    const isNext = line.kind === 'end' || line.source !== item?.source || line.kind !== item.kind;
    if (isNext && item !== undefined) yield { item, bytes: Buffer.concat(parts) };
    if (line.kind === 'end') return;
    if (isNext) [item, parts] = [line, []];
    parts.push(Buffer.from(String(line['base64'] ?? ''), 'base64'));
  }
}

/** Looks whether a file is a whole export. Throws Error that says what is wrong. */
export async function checkWhole(file: string): Promise<void> {
  const hash = createHash('sha256');
  let end: string | undefined;
  for await (const text of linesOf(file)) {
    if (end !== undefined) throw new Error(`${file} goes on after its last line: nothing is put back.`);
    const line = parsed(text, file);
    if (line.kind === 'end') end = line.sha256;
    else hash.update(`${text}\n`);
  }
  if (end !== hash.digest('hex'))
    throw new Error(`${file} is not whole, or was changed: nothing is put back.`);
}

function parsed(text: string, file: string): Line {
  try {
    return JSON.parse(text) as Line;
  } catch {
    throw new Error(`${file} is no export: it has a line that is not JSON.`);
  }
}

async function* linesOf(file: string): AsyncGenerator<string> {
  const input = createReadStream(file);
  yield* createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
}
