/** `npm run setup -- --project ID …`: what the Firebase CLI cannot set. Can be run again. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { Storage } from '@google-cloud/storage';
import { roles } from '../functions/src/http/route.ts';
import type { WireManifest } from '../local/functions/manifest.ts';
import { cliAccessToken, tokenClient } from './cliCredentials.ts';
import { declaredFunctions } from './declared.ts';
import { type LoggingApi, setRequestLogs } from './requestLogs.ts';
import { missingValues, newInstallValues, newKeys, setUpBucket } from './setupSteps.ts';

const usage =
  'Usage: npm run setup -- --project ID [--bucket NAME] [--new-keys] [--request-logs exclude|keep]';
const root = join(import.meta.dirname, '..');

try {
  await setup();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

async function setup(): Promise<void> {
  const { values } = parseArgs({
    options: {
      project: { type: 'string' },
      bucket: { type: 'string' },
      'functions-dir': { type: 'string', default: join(root, 'functions') },
      'new-keys': { type: 'boolean', default: false },
      'request-logs': { type: 'string' },
    },
  });
  const { project } = values;
  const { 'request-logs': requestLogs } = values;
  if (project === undefined || !['exclude', 'keep', undefined].includes(requestLogs)) throw new Error(usage);
  const bucket = values.bucket ?? `${project}.firebasestorage.app`;
  const functionsDir = values['functions-dir'];
  const storage = await storageOf(project);
  for (const line of await setUpBucket(storage.bucket(bucket))) console.log(line);
  const { manifest, functions } = await declaredFunctions(functionsDir, project, bucket);
  writeParameters(join(functionsDir, `.env.${project}`), manifest, values['new-keys']);
  if (requestLogs !== undefined) {
    const wish = { functionNames: functions.map(({ id }) => id), areKept: requestLogs === 'keep' };
    await setRequestLogs(await loggingOf(project), project, wish, (line) => console.log(line));
  }
  if (values['new-keys']) printNewKeys();
}

/** Cloud Storage as whoever is logged in to the Firebase CLI, or what STORAGE_EMULATOR_HOST names. */
async function storageOf(projectId: string): Promise<Storage> {
  if (process.env['STORAGE_EMULATOR_HOST'] !== undefined) return new Storage({ projectId });
  return new Storage({ projectId, authClient: tokenClient(await cliAccessToken(projectId, root)) });
}

/** Cloud Logging as {@link storageOf}, or what LOGGING_EMULATOR_URL names. */
async function loggingOf(projectId: string): Promise<LoggingApi> {
  const url = process.env['LOGGING_EMULATOR_URL'];
  if (url !== undefined) return { url, token: 'owner' };
  return { url: 'https://logging.googleapis.com', token: await cliAccessToken(projectId, root) };
}

function writeParameters(file: string, { params = [] }: WireManifest, hasNewKeys: boolean): void {
  const isNewInstall = hasNewKeys && !existsSync(file);
  const shared = textOf(join(dirname(file), '.env'));
  const missing = missingValues(textOf(file), params, shared, isNewInstall ? newInstallValues : {});
  if (missing === '') return;
  appendFileSync(file, missing);
  console.log(`${file}: defaults of parameters that had no value; change them as you like.`);
}

function textOf(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

function printNewKeys(): void {
  const { keys, secret } = newKeys(roles);
  console.log('\nNew API keys, shown this once:');
  for (const [role, key] of Object.entries(keys)) console.log(`  ${role.padEnd(10)} ${key}`);
  console.log('\nGive this line to `firebase functions:secrets:set API_KEYS`:');
  console.log(secret);
}
