import { createHash } from 'node:crypto';

interface ApiKey {
  id: string;
  role: string;
  key: string;
}

/** The local stack's keys, one a role. They are public: no deployed function may know their digests. */
export const localKeys: ApiKey[] = ['miner', 'validator', 'ingest', 'proxy', 'read', 'admin'].map((role) => ({
  id: `local-${role}`,
  role,
  key: `local-${role}-key`,
}));

/** The secret that tells the functions their first keys: each with its role and the SHA-256 of the key. */
export function apiKeysSecret(keys: ApiKey[]): string {
  return JSON.stringify(
    keys.map(({ id, role, key }) => ({ id, role, sha256: createHash('sha256').update(key).digest('hex') })),
  );
}
