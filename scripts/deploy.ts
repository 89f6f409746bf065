/** `npm run deploy -- --project ID`: setup, keys, the Firebase CLI with the right flags, a canary. Can be run again. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runCanary } from './canary.ts';
import { cliAccessToken } from './cliCredentials.ts';
import { deployedFunctions, isOwn } from './deployedFunctions.ts';
import { Failed, hasKeys, readNewKeys, whatIsReplaced } from './deploySteps.ts';
import { firebase, run } from './firebaseCli.ts';
import { formerFunctions, formerLines } from './formerFunctions.ts';
import { GoogleApi } from './googleApi.ts';
import { projectFacts } from './projectFacts.ts';
import { readOptions } from './readOptions.ts';

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
  if (own.length + former.length === 0 && !replace) await refuseToReplace(api, project);
  const setupArgs = ['--project', project, '--bucket', facts.bucket];
  const areKeysThere = await hasKeys(api, project);
  const printed = await setup('Setup', areKeysThere ? setupArgs : [...setupArgs, '--new-keys']);
  const newKeys = areKeysThere ? undefined : await setKeys(project, printed);
  const cli = ['deploy', '--project', project, '--non-interactive'];
  // Without a terminal the CLI makes a trigger that is tried again only by force; forced or named, what is unchanged is
  // deployed as well, and only what is named may be forced: nothing else goes.
  const isTriggered = own.some(({ id }) => id.endsWith('-filed'));
  await deployFunctions([...cli, ...(isTriggered ? ['--only', 'functions'] : forced)], pauseMs);
  await firebase('Rules, indexes, site', [...cli, '--only', 'firestore,storage,hosting']);
  await setup('Roles on the queues that there are now', setupArgs);

  const base = `https://${project}.web.app`;
  const adminKey = newKeys?.['admin'] ?? key;
  if (adminKey === undefined) {
    console.log(
      '\n== Canary: not sent. Set SLUICE_ADMIN_KEY, a key of role admin, here or for npm run doctor.',
    );
  } else {
    console.log('\n== Canary: a response sent, written and read back');
    const newId = (): string => `canary-${randomUUID()}`;
    const ms = await runCanary({ base, key: adminKey, limitMs: canaryLimitMs, newId });
    console.log(`Read back as completed ${(ms / 1000).toFixed(1)} s after it was accepted.`);
  }
  if (newKeys !== undefined) printKeys(newKeys);
  if (former.length > 0) console.log(`\n${formerLines(former, project).join('\n')}`);
  console.log(`\nSluice answers at ${base}. The same command again deploys what has changed.`);
}

/** @throws Error where something of somebody’s would be replaced by a first deploy. */
async function refuseToReplace(api: GoogleApi, project: string): Promise<void> {
  const replaced = await whatIsReplaced(api, project);
  if (replaced.length === 0) return;
  throw new Error(
    `This project has something of its own, which a deploy replaces: ${replaced.join('; ')}.\n` +
      'Take a project of its own for Sluice; or, where they may go, add --replace.',
  );
}

async function setKeys(project: string, printed: string): Promise<Record<string, string>> {
  const { keys, secret } = readNewKeys(printed);
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

async function deployFunctions(args: string[], pauseMs: number): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await firebase(`Functions${attempt > 1 ? `, attempt ${attempt}` : ''}`, args);
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

/** Returns all that it printed; new keys are shown at the end, where they are not scrolled away. */
async function setup(title: string, args: string[]): Promise<string> {
  console.log(`\n== ${title}`);
  const { code, output } = await run([join(root, 'scripts/setup.ts'), ...args], { isShown: false });
  console.log(output.split('\nNew API keys')[0]?.trimEnd());
  if (code !== 0) throw new Failed(title, output);
  return output;
}
