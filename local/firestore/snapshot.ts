import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { decodeDocument, encodeDocument, type WireDocument } from './codec.ts';

/** Says what the file is and in which form; each document follows as its length in 4 bytes and its protobuf message. */
const header = Buffer.from('sluice-firestore 1\n');
const lengthBytes = 4;
const fileName = 'firestore.documents';

/** A snapshot that cannot be read: the message tells which file and why. */
class SnapshotError extends Error {
  override readonly name = 'SnapshotError';

  constructor(file: string, reason: string, cause?: unknown) {
    super(`${file} is not a snapshot of Firestore: ${reason}`, { cause });
  }
}

/**
 * Writes documents to a file in the directory, which is made if need be. The file before stays until this one is whole.
 */
export async function writeSnapshot(directory: string, documents: Iterable<WireDocument>): Promise<void> {
  await mkdir(directory, { recursive: true });
  const file = join(directory, fileName);
  await pipeline(records(documents), createWriteStream(`${file}.part`));
  await rename(`${file}.part`, file);
}

function* records(documents: Iterable<WireDocument>): Iterable<Uint8Array> {
  yield header;
  for (const document of documents) {
    const bytes = encodeDocument(document);
    const length = Buffer.alloc(lengthBytes);
    length.writeUInt32BE(bytes.length);
    yield Buffer.concat([length, bytes]);
  }
}

/**
 * The documents of the directory's snapshot; none when it holds no snapshot.
 * @throws SnapshotError when the file is cut off or something else.
 */
export async function* readSnapshot(directory: string): AsyncIterable<WireDocument> {
  const file = join(directory, fileName);
  let rest: Buffer = Buffer.alloc(0);
  let isHeaderRead = false;
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: 1_048_576 })) {
      rest = Buffer.concat([rest, chunk]);
      if (!isHeaderRead && rest.length >= header.length) {
        if (!rest.subarray(0, header.length).equals(header)) throw new SnapshotError(file, 'another format');
        rest = rest.subarray(header.length);
        isHeaderRead = true;
      }
      while (isHeaderRead && rest.length >= lengthBytes) {
        const end = lengthBytes + rest.readUInt32BE();
        if (rest.length < end) break;
        yield decodedDocument(file, rest.subarray(lengthBytes, end));
        rest = rest.subarray(end);
      }
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
    throw error;
  }
  if (!isHeaderRead || rest.length > 0) throw new SnapshotError(file, 'it is cut off');
}

function decodedDocument(file: string, bytes: Buffer): WireDocument {
  try {
    return decodeDocument(bytes);
  } catch (error) {
    throw new SnapshotError(file, 'a document cannot be read', error);
  }
}
