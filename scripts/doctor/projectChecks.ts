import { isDeepStrictEqual } from 'node:util';
import type { Declared } from '../declared.ts';
import { deployedFunctions, isOwn } from '../deployedFunctions.ts';
import type { GoogleApi } from '../googleApi.ts';
import { offServices, type ProjectFacts } from '../projectFacts.ts';
import { regionToSet } from '../regions.ts';
import { grantMissing, neededGrants } from '../roles.ts';
import { type LifecycleRule, missingRules } from '../setupSteps.ts';
import { allOf, type Finding, well, wrong } from './finding.ts';

interface Place {
  api: GoogleApi;
  facts: ProjectFacts;
  declared: Declared;
  /** Region of the functions. */
  region: string;
}

/** Looks at all that a deploy makes in a project; changes nothing. */
export async function projectChecks(place: Place): Promise<Finding[]> {
  const off = await services(place);
  // Others' answers would only say so again.
  if (!off.isWell) return [region(place), off];
  const checks = [roles, functions, queues, schedules, secret, lifecycle, indexes];
  return [region(place), off, ...(await Promise.all(checks.map((check) => check(place)))).flat()];
}

const setupOf = ({ facts }: Place): string => `npm run setup -- --project ${facts.id}`;
const deployOf = ({ facts }: Place): string => `npm run deploy -- --project ${facts.id}`;

function region({ facts, region: own }: Place): Finding {
  const wanted = regionToSet(own, facts.bucketLocation);
  const where = `functions in ${own}, bucket in ${facts.bucketLocation}, Firestore in ${facts.firestoreLocation}`;
  if (wanted === undefined) return well('region', where);
  return wrong(
    'region',
    where,
    `REGION=${wanted} in functions/.env.${facts.id}; docs/operations.md, “Moving to another region”`,
  );
}

async function services(place: Place): Promise<Finding> {
  const off = await offServices(place.api, place.facts);
  return off.length === 0 ? well('APIs') : wrong('APIs', `off: ${off.join(', ')}`, setupOf(place));
}

async function roles(place: Place): Promise<Finding> {
  const { api, facts, declared } = place;
  const queues = declared.functions.filter(({ isQueue }) => isQueue).map(({ id }) => id);
  const grants = neededGrants(facts, { region: place.region, queues });
  const missing: string[] = [];
  const say = (line: string): void => void missing.push(line.replace('Would grant', 'missing:'));
  const unseen = await grantMissing(api, facts.account, grants, { isDryRun: true, say });
  missing.push(...unseen.map(({ role, on }) => `cannot be seen: ${role} on ${on}`));
  return allOf('roles', missing, grants.length, setupOf(place));
}

async function functions(place: Place): Promise<Finding> {
  const deployed = (await deployedFunctions(place.api, place.facts.id)).filter(isOwn);
  const missing = place.declared.functions
    .filter(
      ({ id, region: own }) => !deployed.some((one) => one.id === id && one.region === own && one.isActive),
    )
    .map(({ id }) => `${id} is not there, or does not run`);
  return allOf('functions', missing, place.declared.functions.length, deployOf(place));
}

interface Queue {
  state: string;
  rateLimits?: object;
  retryConfig?: { maxAttempts?: number };
}

async function queues(place: Place): Promise<Finding[]> {
  const ids = place.declared.functions.filter(({ isQueue }) => isQueue).map(({ id }) => id);
  return Promise.all(ids.map((id) => queue(place, id)));
}

async function queue(place: Place, id: string): Promise<Finding> {
  const check = `queue ${id}`;
  const name = `projects/${place.facts.id}/locations/${place.region}/queues/${id}`;
  const found = await place.api.get<Queue>(`https://cloudtasks.googleapis.com/v2/${name}`);
  if (found === undefined) return wrong(check, 'is not there', deployOf(place));
  if (found.retryConfig?.maxAttempts !== -1) {
    const byHand = `gcloud tasks queues update ${id} --location=${place.region} --max-attempts=-1`;
    return wrong(check, 'gives up after some attempts: events would be lost', byHand);
  }
  if (found.state === 'RUNNING') return well(check, 'running');
  const resume = `curl -X POST https://${place.facts.id}.web.app/v1/queue/resume -H 'X-API-Key: ADMIN_KEY'`;
  return wrong(check, found.state === 'PAUSED' ? 'is paused' : `is ${found.state}`, resume);
}

interface Job {
  state: string;
  status?: { code?: number };
  lastAttemptTime?: string;
}

async function schedules(place: Place): Promise<Finding> {
  const ids = Object.entries(place.declared.manifest.endpoints)
    .filter(([, { scheduleTrigger }]) => scheduleTrigger !== undefined)
    .map(([name]) => place.declared.functions.find(({ id }) => id.endsWith(`-${name}`))?.id ?? name);
  const jobs = `https://cloudscheduler.googleapis.com/v1/projects/${place.facts.id}/locations/${place.region}/jobs`;
  const missing: string[] = [];
  for (const id of ids) {
    const job = await place.api.get<Job>(`${jobs}/firebase-schedule-${id}-${place.region}`);
    if (job?.state !== 'ENABLED') missing.push(`${id} has no schedule that is on`);
    else if (job.status?.code) missing.push(`${id} failed at ${job.lastAttemptTime}: see its log`);
  }
  return allOf('schedules', missing, ids.length, deployOf(place));
}

async function secret({ api, facts }: Place): Promise<Finding> {
  const url = `https://secretmanager.googleapis.com/v1/projects/${facts.id}/secrets/API_KEYS/versions/latest`;
  const version = await api.get<{ name: string; state: string }>(url);
  const set = `npx firebase functions:secrets:set API_KEYS --project ${facts.id}`;
  if (version?.state !== 'ENABLED') return wrong('secret API_KEYS', 'has no version that is on', set);
  return well('secret API_KEYS', `version ${version.name.split('/').at(-1)}`);
}

async function lifecycle(place: Place): Promise<Finding> {
  const url = `https://storage.googleapis.com/storage/v1/b/${place.facts.bucket}`;
  const bucket = await place.api.get<{ lifecycle?: { rule?: LifecycleRule[] } }>(url);
  const missing = missingRules(bucket?.lifecycle?.rule ?? []);
  return allOf(
    'bucket’s lifecycle',
    missing.map((rule) => `missing: ${JSON.stringify(rule)}`),
    2,
    setupOf(place),
  );
}

interface Index {
  name: string;
  state: string;
  queryScope: string;
  fields: WantedIndex['fields'];
}

type WantedIndex = Declared['wantedIndexes']['indexes'][number];

async function indexes(place: Place): Promise<Finding> {
  const { wantedIndexes } = place.declared;
  const database = `https://firestore.googleapis.com/v1/projects/${place.facts.id}/databases/(default)`;
  const all = await place.api.get<{ indexes?: Index[] }>(`${database}/collectionGroups/-/indexes`);
  const ready = (all?.indexes ?? []).filter(({ state }) => state === 'READY');
  const missing = wantedIndexes.indexes
    .filter((wanted) => !ready.some((index) => isIndex(index, wanted)))
    .map(
      (wanted) =>
        `not ready: ${wanted.collectionGroup} by ${wanted.fields.map((f) => f.fieldPath).join(', ')}`,
    );
  for (const { collectionGroup, fieldPath } of wantedIndexes.fieldOverrides.filter(({ ttl }) => ttl)) {
    const field = await place.api.get<{ ttlConfig?: { state: string } }>(
      `${database}/collectionGroups/${collectionGroup}/fields/${fieldPath}`,
    );
    if (field?.ttlConfig?.state !== 'ACTIVE') missing.push(`TTL is not on: ${collectionGroup}.${fieldPath}`);
  }
  const deploy = `npx firebase deploy --project ${place.facts.id} --only firestore:indexes`;
  return allOf('indexes and TTL', missing, wantedIndexes.indexes.length, `wait some minutes, or ${deploy}`);
}

/** The service adds the document’s name to an index’s fields. */
function isIndex({ name, queryScope, fields }: Index, wanted: WantedIndex): boolean {
  const paths = fields.filter(({ fieldPath }) => fieldPath !== '__name__');
  return (
    name.includes(`/collectionGroups/${wanted.collectionGroup}/`) &&
    queryScope === wanted.queryScope &&
    isDeepStrictEqual(paths.map(formOf), wanted.fields.map(formOf))
  );
}

function formOf(field: WantedIndex['fields'][number]): string {
  return `${field.fieldPath} ${field.order ?? field.arrayConfig ?? ''}`;
}
