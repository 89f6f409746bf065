import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { discoverFunctions, firebaseConfig } from '../../../local/functions/discovery.ts';
import { resolveParams } from '../../../local/functions/manifest.ts';
import { apiKeysSecret } from '../../../local/keys.ts';
import { functionsDir } from '../../support/build.ts';

export const projectId = 'demo-start';
export const aKey = 'a-key';

/** The environment of a deployed function, which says nothing of local services but what is given. */
export async function deployedEnv(services: Record<string, string>): Promise<NodeJS.ProcessEnv> {
  const bucket = `${projectId}.firebasestorage.app`;
  const manifest = await discoverFunctions({ functionsDir, projectId, storageBucket: bucket });
  return {
    PATH: process.env['PATH'],
    ...resolveParams(manifest, { LOG_LEVEL: 'ERROR' }),
    API_KEYS: apiKeysSecret([{ id: 'one', role: 'miner', key: aKey }]),
    GCLOUD_PROJECT: projectId,
    FIREBASE_CONFIG: firebaseConfig(projectId, bucket),
    ...services,
  };
}

/** Runs a script of this folder as a deployed function off the cloud, and returns the JSON that it prints last. */
export async function runDeployed<Result>(
  script: string,
  args: readonly string[],
  services: Record<string, string>,
): Promise<Result> {
  const env = await deployedEnv({
    METADATA_SERVER_DETECTION: 'none',
    SLUICE_FUNCTIONS_URL: 'http://127.0.0.1:9',
    ...services,
  });
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(import.meta.dirname, script), functionsDir, ...args],
    { timeout: 15_000, env },
  );
  const result: Result = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
  return result;
}
