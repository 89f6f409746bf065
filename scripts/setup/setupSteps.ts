import { createHash, randomBytes } from 'node:crypto';
import { isDeepStrictEqual, parseEnv } from 'node:util';
import type { Bucket } from '@google-cloud/storage';
import { folders } from '../../functions/src/files/fileId.ts';

type Metadata = Bucket['metadata'];

/** A rule of a bucket's lifecycle (https://cloud.google.com/storage/docs/lifecycle). */
export type LifecycleRule = NonNullable<NonNullable<Metadata['lifecycle']>['rule']>[number];

/** Days from a body's `customTime` to its deletion: functions/src/staging/limits.ts counts on them. */
const bodiesDays = 60;

const bodiesRule: LifecycleRule = {
  action: { type: 'Delete' },
  condition: { daysSinceCustomTime: bodiesDays, matchesPrefix: ['bodies/'] },
};

/**
 * Temporary files go after a day by `cleanup`; what it never hears of goes by this. Others'
 * objects have no `customTime`.
 */
const temporaryDays = 3;

const temporaryRule: LifecycleRule = {
  action: { type: 'Delete' },
  condition: { daysSinceCustomTime: temporaryDays, matchesPrefix: ['temp/'] },
};

const ownRules = [bodiesRule, temporaryRule];

/** The rule for temporary files that 3a6e002 made: it deletes whatever else is in `temp/`. */
const formerRule: LifecycleRule = { ...temporaryRule, condition: { age: 3, matchesPrefix: ['temp/'] } };

/** Prefixes below which only Sluice may delete. */
const keptPrefixes = ['spool/', 'dead-letters/', 'control/', 'bodies/', ...folders.map((name) => `${name}/`)];

/**
 * Gives the bucket the rules that delete bodies and temporary files, keeps the rules that exist, and closes it to the
 * public. Returns lines that say what was done, and warn of a rule that would delete what must stay.
 */
export async function setUpBucket(bucket: Bucket): Promise<string[]> {
  const [metadata] = await bucket.getMetadata();
  const rules: LifecycleRule[] = metadata.lifecycle?.rule ?? [];
  const { metageneration, iamConfiguration } = metadata;
  await bucket.setMetadata(
    {
      lifecycle: { rule: withOwnRules(rules) },
      iamConfiguration: {
        uniformBucketLevelAccess: { enabled: true },
        publicAccessPrevention: 'enforced',
      },
    },
    // Another change since then must not be lost: this one fails, and can be run again.
    metageneration === undefined ? {} : { ifMetagenerationMatch: metageneration },
  );
  return [
    `Bucket ${bucket.name}: bodies/ is deleted ${bodiesDays} days after its customTime, temp/ ${temporaryDays} days after it; no public access.`,
    ...(rules.some(isFormer)
      ? ['The rule that deleted everything in temp/ after 3 days is gone: add it again if it was your own.']
      : []),
    ...(iamConfiguration?.publicAccessPrevention === 'enforced'
      ? []
      : ['WARNING: the bucket allowed public access until now; what it showed to the public is closed.']),
    ...harmfulRules(rules.filter((rule) => !isFormer(rule))).map(
      (rule) => `WARNING: this rule deletes what Sluice needs: ${JSON.stringify(rule)}`,
    ),
  ];
}

/** The rules with ours among them once, each as it was but the one that 3a6e002 made, which goes. */
function withOwnRules(rules: readonly LifecycleRule[]): LifecycleRule[] {
  return [...rules.filter((rule) => !isOwn(rule) && !isFormer(rule)), ...ownRules];
}

/** Rules of ours that are not among these. */
export function missingRules(rules: readonly LifecycleRule[]): LifecycleRule[] {
  return ownRules.filter((own) => !rules.some((rule) => isDeepStrictEqual(own, rule)));
}

/** Rules that delete what only Sluice may delete. */
export function harmfulRules(rules: readonly LifecycleRule[]): LifecycleRule[] {
  return rules.filter((rule) => !isOwn(rule) && deletesWhatMustStay(rule));
}

function isOwn(rule: LifecycleRule): boolean {
  return ownRules.some((own) => isDeepStrictEqual(own, rule));
}

function isFormer(rule: LifecycleRule): boolean {
  return isDeepStrictEqual(rule, formerRule);
}

function deletesWhatMustStay({ action, condition }: LifecycleRule): boolean {
  if (action.type !== 'Delete' || condition.isLive === false || condition.matchesSuffix !== undefined) {
    return false;
  }
  const prefixes = condition.matchesPrefix;
  if (!Array.isArray(prefixes)) return true;
  return prefixes.some((prefix) =>
    keptPrefixes.some((kept) => kept.startsWith(String(prefix)) || String(prefix).startsWith(kept)),
  );
}

/** A parameter as the code base declares it. */
interface Param {
  name: string;
  type: string;
  default?: unknown;
}

/** Parameters of a first deploy: with nothing deployed before, no key need go on as it did. */
export const newInstallValues = { STRICT_BINDING: true };

/**
 * Lines for `functions/.env.PROJECT` that give each parameter without a value, there or in the `functions/.env` of all
 * projects, its default, or what `instead` has for it: without a terminal the Firebase CLI refuses to deploy parameters
 * that have none (firebase-tools, `deploy/functions/params`, `resolveParams`).
 */
export function missingValues(
  envFile: string,
  params: readonly Param[],
  sharedEnvFile = '',
  instead: Readonly<Record<string, unknown>> = {},
): string {
  const known = { ...parseEnv(sharedEnvFile), ...parseEnv(envFile) };
  const lines = params
    .filter(({ name, type }) => type !== 'secret' && !(name in known))
    .map(({ name, default: value }) => `${name}=${instead[name] ?? value ?? ''}\n`)
    .join('');
  const isWithinLine = envFile !== '' && !envFile.endsWith('\n');
  return lines !== '' && isWithinLine ? `\n${lines}` : lines;
}

/** Makes a key that can follow an option: it begins with no dash. */
function newKey(): string {
  const key = randomBytes(32).toString('base64url');
  return key.startsWith('-') ? newKey() : key;
}

/** New API keys, one a role: the keys themselves, and the value of the secret API_KEYS that makes them valid. */
export function newKeys(roles: readonly string[]): { keys: Record<string, string>; secret: string } {
  const made = roles.map((role) => ({ role, key: newKey() }));
  const records = made.map(({ role, key }) => ({
    id: `first-${role}`,
    role,
    sha256: createHash('sha256').update(key).digest('hex'),
  }));
  return {
    keys: Object.fromEntries(made.map(({ role, key }) => [role, key])),
    secret: JSON.stringify(records),
  };
}
