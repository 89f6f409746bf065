import { createHash, createHmac, randomBytes, randomUUID } from 'node:crypto';

/** Random names, injected so that tests can fix them. */
export interface Ids {
  /** A random UUID: document ids are never in time order, which Firestore punishes as a hot spot. */
  uuid(): string;
  /** Eight random characters of [0-9a-z] that name this process in its stamps. */
  instance(): string;
}

export const randomIds: Ids = {
  uuid: () => randomUUID(),
  instance: () =>
    BigInt(`0x${randomBytes(8).toString('hex')}`)
      .toString(36)
      .padStart(8, '0')
      .slice(-8),
};

/** SHA-256 of a text, in hex. */
export function sha256Hex(text: string | Uint8Array): string {
  return createHash('sha256').update(text).digest('hex');
}

/** A UUID (version 8) that is the same for the same parts. Who knows these can compute it: it opens nothing. */
export function hashedUuid(...parts: string[]): string {
  return uuidOf(sha256Hex(joined(parts)));
}

/** The same for a secret and parts; nobody computes it without the secret. */
export function secretUuid(secret: string, ...parts: string[]): string {
  return uuidOf(createHmac('sha256', secret).update(joined(parts)).digest('hex'));
}

function joined(parts: readonly string[]): string {
  return parts.map((part) => `${part.length}:${part}`).join('');
}

function uuidOf(hex: string): string {
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 3) | 8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}
