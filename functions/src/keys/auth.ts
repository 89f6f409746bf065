import { maxKeyLength } from '../http/limits.ts';
import type { Caller } from '../http/route.ts';
import { AppError } from '../platform/errors.ts';
import type { KeyStore } from './keyStore.ts';

/** Tells who calls. */
export interface Authenticator {
  /**
   * @throws AppError `unauthenticated`: no key or an unknown one; `unavailable`: that cannot be told now.
   */
  authenticate(header: (name: string) => string | undefined): Promise<Caller>;
}

/** Authentication by API key; reads nothing as long as the key is one of the first. */
export function keyAuthenticator(keys: Pick<KeyStore, 'find'>): Authenticator {
  return {
    authenticate: async (header) => {
      const key = presentedKey(header);
      if (key === undefined) {
        throw new AppError(
          'unauthenticated',
          'Send an API key as X-API-Key, as Authorization: Bearer, or as the password of Basic.',
        );
      }
      const record = key.length > maxKeyLength ? undefined : await keys.find(key);
      if (record === undefined) throw new AppError('unauthenticated', 'This API key is not known.');
      return {
        keyId: record.id,
        role: record.role,
        ...(record.uids === undefined ? {} : { uids: record.uids }),
        ...(record.hotkeys === undefined ? {} : { hotkeys: record.hotkeys }),
      };
    },
  };
}

/** Old callers can put a key only into the URL, which arrives as Basic: as the password, or as the user name alone. */
function presentedKey(header: (name: string) => string | undefined): string | undefined {
  const own = header('x-api-key')?.trim();
  if (own) return own;
  const [, scheme, credentials] = /^(bearer|basic) +(\S+)\s*$/i.exec(header('authorization') ?? '') ?? [];
  if (scheme === undefined || credentials === undefined) return undefined;
  if (scheme.toLowerCase() === 'bearer') return credentials;
  const pair = Buffer.from(credentials, 'base64').toString();
  const colon = pair.indexOf(':');
  const [user, password] = colon === -1 ? [pair, ''] : [pair.slice(0, colon), pair.slice(colon + 1)];
  return password || user || undefined;
}
