import { createReadStream, createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';

/** A snapshot that cannot be read: the message tells which file and why. */
export class SnapshotError extends Error {
  override readonly name = 'SnapshotError';

  constructor(file: string, reason: string, cause?: unknown) {
    super(`${file} is not a snapshot: ${reason}`, { cause });
  }
}

/** Writes values as lines of JSON: first a line with the format, last one with the number of values between. */
export async function writeLines(file: string, format: string, values: Iterable<object>): Promise<void> {
  await pipeline(lines(format, values), createWriteStream(file));
}

function* lines(format: string, values: Iterable<object>): Iterable<string> {
  yield `${JSON.stringify({ format })}\n`;
  let count = 0;
  for (const value of values) {
    count += 1;
    yield `${JSON.stringify(value)}\n`;
  }
  yield `${JSON.stringify({ end: count })}\n`;
}

/**
 * The values that {@link writeLines} wrote; their shape is the format's promise.
 * @throws SnapshotError when the file is missing, of another format or cut off.
 */
export async function* readLines<Value extends object>(file: string, format: string): AsyncIterable<Value> {
  let count = -1;
  let isWhole = false;
  for await (const line of linesOf(file)) {
    const value = parsed(file, line);
    if (count === -1) {
      if (value['format'] !== format) throw new SnapshotError(file, 'another format');
    } else if (typeof value['end'] === 'number') isWhole = value['end'] === count;
    else yield value as Value;
    count += 1;
  }
  if (!isWhole) throw new SnapshotError(file, 'it is cut off');
}

async function* linesOf(file: string): AsyncIterable<string> {
  const input = createReadStream(file);
  try {
    yield* createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  } catch (error) {
    throw error instanceof SnapshotError ? error : new SnapshotError(file, String(error), error);
  }
}

function parsed(file: string, line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return { ...value };
  } catch {
    // Reported below, as is a value that is no object.
  }
  throw new SnapshotError(file, 'a line is not JSON');
}
