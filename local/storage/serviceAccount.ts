import { generateKeyPair, type KeyObject } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** An account that may sign addresses of the local buckets. Its key is made for this run and ends with it. */
export interface ServiceAccount {
  readonly email: string;
  readonly publicKey: KeyObject;
  /** A key file as Google's client libraries read it from GOOGLE_APPLICATION_CREDENTIALS. */
  readonly keyFile: string;
  /** Deletes the key file. */
  close(): Promise<void>;
}

/** Makes an account with a new key, in a folder that only this user can read. */
export async function createServiceAccount(projectId: string): Promise<ServiceAccount> {
  const email = `local@${projectId}.iam.gserviceaccount.com`;
  const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  const folder = await mkdtemp(join(tmpdir(), 'local-storage-'));
  const keyFile = join(folder, 'service-account.json');
  const key = {
    type: 'service_account',
    project_id: projectId,
    private_key_id: 'local',
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    client_email: email,
    client_id: '0',
    // Nothing here needs a token; a client that asks for one is not to reach the real service.
    token_uri: 'http://127.0.0.1:9/token',
  };
  await writeFile(keyFile, JSON.stringify(key), { mode: 0o600 });
  // Also where the process ends without closing anything.
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  const close = async () => {
    process.removeListener('exit', remove);
    await rm(folder, { recursive: true, force: true });
  };
  return { email, publicKey, keyFile, close };
}
