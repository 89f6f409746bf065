/** `npm run setup -- --project ID …`: what the Firebase CLI cannot set. Can be run again. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseEnv } from 'node:util';
import { Storage } from '@google-cloud/storage';
import { roles } from '../functions/src/http/roles.ts';
import type { WireManifest } from '../local/functions/manifest.ts';
import { readOptions, runCommand } from './command.ts';
import { cliAccessToken, tokenClient } from './google/cliCredentials.ts';
import { type DeclaredFunction, declaredFunctions } from './google/declared.ts';
import { GoogleApi } from './google/googleApi.ts';
import { enableServices, type ProjectFacts, projectFacts } from './google/projectFacts.ts';
import { defaultRegion, isNear, regionToSet } from './google/regions.ts';
import { grantMissing, neededGrants } from './google/roles.ts';
import { setUpMonitoring } from './setup/monitoring.ts';
import { setRequestLogs } from './setup/requestLogs.ts';
import { missingValues, newInstallValues, newKeys, setUpBucket } from './setup/setupSteps.ts';

const usage =
  'Usage: npm run setup -- --project ID [--bucket NAME] [--new-install] [--new-keys] [--request-logs exclude|keep] ' +
  '[--monitoring [--notify EMAIL]] [--dry-run]';
const root = join(import.meta.dirname, '..');
const say = (line: string): void => console.log(line);

await runCommand(setup, 1);

async function setup(): Promise<void> {
  const values = readOptions(usage, {
    project: { type: 'string' },
    bucket: { type: 'string' },
    'functions-dir': { type: 'string', default: join(root, 'functions') },
    'new-keys': { type: 'boolean', default: false },
    'new-install': { type: 'boolean', default: false },
    'request-logs': { type: 'string' },
    monitoring: { type: 'boolean', default: false },
    notify: { type: 'string' },
    'dry-run': { type: 'boolean', default: false },
  });
  const { project, 'request-logs': requestLogs, 'dry-run': isDryRun, 'functions-dir': functionsDir } = values;
  if (project === undefined || !['exclude', 'keep', undefined].includes(requestLogs)) throw new Error(usage);
  if (values.notify !== undefined && !values.monitoring)
    throw new Error(`--notify goes with --monitoring.\n${usage}`);
  const envFile = join(functionsDir, `.env.${project}`);
  const isNewInstall = (values['new-keys'] || values['new-install']) && !existsSync(envFile);
  const api = new GoogleApi(() => cliAccessToken(project, root));
  // With the local stack there is no project to look at.
  const isLocal = process.env['STORAGE_EMULATOR_HOST'] !== undefined;
  const facts = isLocal ? undefined : await projectFacts(api, project, values.bucket);
  const bucket = facts?.bucket ?? values.bucket ?? `${project}.firebasestorage.app`;
  if (facts !== undefined && !isDryRun) await enableServices(api, facts);
  if (facts !== undefined) setRegion(envFile, facts, isDryRun);
  const { manifest, functions } = await declaredFunctions(functionsDir, project, bucket);
  if (facts !== undefined) await grantRoles(api, facts, functions, isDryRun);
  if (isDryRun) {
    if (values.monitoring) await setUpMonitoring(api, project, { notify: values.notify, isDryRun, say });
    return say('Nothing was changed.');
  }
  const storage = await storageOf(project);
  for (const line of await setUpBucket(storage.bucket(bucket))) say(line);
  writeParameters(envFile, manifest, isNewInstall);
  if (requestLogs !== undefined) {
    const wish = { functionNames: functions.map(({ id }) => id), areKept: requestLogs === 'keep' };
    await setRequestLogs(loggingOf(api), project, wish, say);
  }
  if (values.monitoring) await setUpMonitoring(api, project, { notify: values.notify, isDryRun, say });
  if (values['new-keys']) printNewKeys(project);
}

/**
 * Chooses the region where nobody has: the bucket's.
 * @throws Error where somebody chose one in which the bucket's objects are not heard of.
 */
function setRegion(
  envFile: string,
  { bucket, bucketLocation, firestoreLocation }: ProjectFacts,
  isDryRun: boolean,
): void {
  const shared = parseEnv(textOf(join(dirname(envFile), '.env')));
  const chosen = parseEnv(textOf(envFile))['REGION'] ?? shared['REGION'];
  const wanted = regionToSet(chosen ?? defaultRegion, bucketLocation);
  const region = wanted ?? chosen ?? defaultRegion;
  const where = `the bucket ${bucket} is in ${bucketLocation}`;
  if (wanted !== undefined && existsSync(envFile)) {
    const move = 'If Sluice runs there already, read docs/operations.md, “Moving to another region”, first.';
    throw new Error(`Set REGION=${wanted} in ${envFile}, as ${where}. ${move}`);
  }
  say(`Region ${region}: ${where}, Firestore in ${firestoreLocation}.`);
  if (!isNear(region, firestoreLocation))
    say('WARNING: Firestore is far from there; each call takes longer.');
  if (wanted === undefined || isDryRun) return;
  appendFileSync(envFile, `REGION=${wanted}\n`);
  say(`${envFile}: REGION=${wanted}`);
}

async function grantRoles(
  api: GoogleApi,
  facts: ProjectFacts,
  functions: readonly DeclaredFunction[],
  isDryRun: boolean,
): Promise<void> {
  const queues = functions.filter(({ isQueue }) => isQueue).map(({ id }) => id);
  const grants = neededGrants(facts, { region: functions[0]?.region ?? defaultRegion, queues });
  const refused = await grantMissing(api, facts.account, grants, { isDryRun, say });
  if (refused.length === 0) return;
  say('WARNING: you may not grant roles here. Have an owner of the project run:');
  for (const { command } of refused) say(`  ${command}`);
}

/** Cloud Storage as whoever is logged in to the Firebase CLI, or what STORAGE_EMULATOR_HOST names. */
async function storageOf(projectId: string): Promise<Storage> {
  if (process.env['STORAGE_EMULATOR_HOST'] !== undefined) return new Storage({ projectId });
  return new Storage({ projectId, authClient: tokenClient(() => cliAccessToken(projectId, root)) });
}

/** Cloud Logging as {@link storageOf}, or what LOGGING_EMULATOR_URL names. */
function loggingOf(api: GoogleApi): GoogleApi {
  const own = process.env['LOGGING_EMULATOR_URL'];
  if (own === undefined) return api;
  return new GoogleApi(
    async () => 'owner',
    (url) => url.replace('https://logging.googleapis.com', own),
  );
}

function writeParameters(file: string, { params = [] }: WireManifest, isNewInstall: boolean): void {
  const shared = textOf(join(dirname(file), '.env'));
  const missing = missingValues(textOf(file), params, shared, isNewInstall ? newInstallValues : {});
  if (missing === '') return;
  appendFileSync(file, missing);
  console.log(`${file}: defaults of parameters that had no value; change them as you like.`);
}

function textOf(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

function printNewKeys(project: string): void {
  const { keys, secret } = newKeys(roles);
  console.log('\nNew API keys, shown this once:');
  for (const [role, key] of Object.entries(keys)) console.log(`  ${role.padEnd(10)} ${key}`);
  console.log(
    `\nGive this line to \`npx firebase functions:secrets:set API_KEYS --project ${project}\`, in place of all first ` +
      'keys of before; they change with the next deploy:',
  );
  console.log(secret);
}
