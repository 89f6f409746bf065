/** `npm run deploy -- --project ID`: setup, keys, the Firebase CLI with the right flags, a canary. Can be run again. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { roles } from '../functions/src/http/roles.ts';
import { readOptions } from './command.ts';
import { runCanary } from './deploy/canary.ts';
import { Failed, hasKeys, refuseToReplace } from './deploy/deploySteps.ts';
import { firebase, run } from './deploy/firebaseCli.ts';
import { cliAccessToken } from './google/cliCredentials.ts';
import { deployedFunctions, isOwn } from './google/deployedFunctions.ts';
import { formerFunctions, formerLines } from './google/formerFunctions.ts';
import { GoogleApi } from './google/googleApi.ts';
import { projectFacts } from './google/projectFacts.ts';
import { newKeys } from './setup/setupSteps.ts';

const usage =
  'Usage: npm run deploy -- --project ID [--bucket NAME] [--replace] [--key ADMIN_KEY] [--pause-seconds 60]';
const root = join(import.meta.dirname, '..');

/** The platform’s own accounts may not have their roles yet when the first trigger is made. */
const attempts = 3;
const forced = ['--only', 'functions:sluice', '--force'];
const canaryLimitMs = 180_000;

try {
  await deploy();
} catch (error) {
  console.error(`\n${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}

async function deploy(): Promise<void> {
  const values = readOptions(usage, {
    project: { type: 'string' },
    bucket: { type: 'string' },
    replace: { type: 'boolean', default: false },
    key: { type: 'string', default: process.env['SLUICE_ADMIN_KEY'] },
    'pause-seconds': { type: 'string', default: '60' },
  });
  const { project, bucket, key, replace } = values;
  const pauseMs = 1000 * Number(values['pause-seconds']);
  if (project === undefined || !(pauseMs >= 0)) throw new Error(usage);
  const api = new GoogleApi(() => cliAccessToken(project, root));
  const facts = await projectFacts(api, project, bucket);
  const deployed = await deployedFunctions(api, project);
  const own = deployed.filter(isOwn);
  const former = formerFunctions(deployed);
  if (own.length + former.length === 0) await refuseToReplace(api, project, replace);
  const setupArgs = ['--project', project, '--bucket', facts.bucket];
  const areKeysThere = await hasKeys(api, project);
  await setup('Setup', areKeysThere ? setupArgs : [...setupArgs, '--new-install']);
  const keys = areKeysThere ? undefined : await setNewKeys(project);
  try {
    await deployAll(project, {
      setupArgs,
      isTriggered: own.some(({ id }) => id.endsWith('-filed')),
      pauseMs,
    });
    await sendCanary(project, keys?.['admin'] ?? key, keys !== undefined);
  } finally {
    // Also where the rest failed: the project has their digests only.
    if (keys !== undefined) printKeys(keys);
  }
  if (former.length > 0) console.log(`\n${formerLines(former, project).join('\n')}`);
  console.log(
    `\nSluice answers at https://${project}.web.app. Sign in there with a key of role read, proxy or admin to see how ` +
      'it is. The same command again deploys what has changed.',
  );
}

interface Steps {
  setupArgs: string[];
  /** True where `filed` is there already. */
  isTriggered: boolean;
  pauseMs: number;
}

async function deployAll(project: string, { setupArgs, isTriggered, pauseMs }: Steps): Promise<void> {
  const cli = ['deploy', '--project', project, '--non-interactive'];
  // Without a terminal the CLI makes a trigger that is tried again only by force; forced or named, what is unchanged is
  // deployed as well, and only what is named may be forced: nothing else goes.
  await repeatedly('Functions', [...cli, ...(isTriggered ? ['--only', 'functions'] : forced)], pauseMs);
  await repeatedly('Rules, indexes, site', [...cli, '--only', 'firestore,storage,hosting'], pauseMs);
  await setup('Roles on the queues that there are now', setupArgs);
}

async function sendCanary(project: string, key: string | undefined, isKeyNew: boolean): Promise<void> {
  if (key === undefined) {
    return console.log(
      '\n== Canary: not sent, as no key is known here: they are shown once. Give one of role admin, and run this ' +
        `again or the doctor:\n  SLUICE_ADMIN_KEY=… npm run doctor -- --project ${project}`,
    );
  }
  console.log('\n== Canary: a response sent, written and read back');
  const newId = (): string => `canary-${randomUUID()}`;
  const ms = await runCanary({
    base: `https://${project}.web.app`,
    key,
    limitMs: canaryLimitMs,
    newId,
    isKeyNew,
  });
  console.log(`Read back as completed ${(ms / 1000).toFixed(1)} s after it was accepted.`);
}

async function setNewKeys(project: string): Promise<Record<string, string>> {
  const { keys, secret } = newKeys(roles);
  const set = [
    'functions:secrets:set',
    'API_KEYS',
    '--project',
    project,
    '--non-interactive',
    '--data-file',
    '-',
  ];
  await firebase('Secret API_KEYS', set, secret);
  return keys;
}

function printKeys(keys: Record<string, string>): void {
  console.log('\nNew API keys, shown this once:');
  for (const [role, key] of Object.entries(keys)) console.log(`  ${role.padEnd(10)} ${key}`);
}

async function repeatedly(title: string, args: string[], pauseMs: number): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await firebase(`${title}${attempt > 1 ? `, attempt ${attempt}` : ''}`, args);
    } catch (error) {
      const isFinal = error instanceof Failed && error.output.includes('Deploy refused');
      if (attempt === attempts || isFinal) throw error;
      console.log(
        `Trying again in ${pauseMs / 1000} s: new projects need a few minutes before all of it works.`,
      );
      await sleep(pauseMs);
    }
  }
}

async function setup(title: string, args: string[]): Promise<void> {
  console.log(`\n== ${title}`);
  const { code, output } = await run([join(root, 'scripts/setup.ts'), ...args]);
  if (code !== 0) throw new Failed(title, output);
}
