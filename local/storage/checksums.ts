import { createHash } from 'node:crypto';
import { crc32c } from './crc32c.ts';
import { invalid } from './errors.ts';

/** Checksums of the content that a caller sends along; what is given must be right. */
export interface Checksums {
  crc32c?: string | undefined;
  md5Hash?: string | undefined;
}

/** Checksums that a request names, in its metadata or in `X-Goog-Hash`. */
export function sentChecksums(
  metadata: Record<string, unknown>,
  header: string | string[] | undefined,
): Checksums {
  const hashes = String(header ?? '').split(',');
  const hash = (kind: string) =>
    hashes
      .map((part) => part.trim())
      .find((part) => part.startsWith(`${kind}=`))
      ?.slice(kind.length + 1);
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  return {
    crc32c: hash('crc32c') ?? text(metadata['crc32c']),
    md5Hash: hash('md5') ?? text(metadata['md5Hash']),
  };
}

export function checksumsOf(data: Buffer): { crc32c: string; md5Hash: string } {
  return { crc32c: crc32c(data), md5Hash: createHash('md5').update(data).digest('base64') };
}

/** Throws 400 when the content is not what the caller says it sent. */
export function checkChecksums(sent: Checksums, actual: { crc32c: string; md5Hash: string }): void {
  for (const kind of ['crc32c', 'md5Hash'] as const) {
    const expected = sent[kind];
    if (expected !== undefined && expected !== actual[kind]) {
      throw invalid(`Provided ${kind} "${expected}" doesn't match calculated ${kind} "${actual[kind]}".`);
    }
  }
}
