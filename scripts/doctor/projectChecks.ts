import { GoogleError } from '../google/googleApi.ts';
import { offServices } from '../google/projectFacts.ts';
import { regionToSet } from '../google/regions.ts';
import { grantMissing, neededGrants } from '../google/roles.ts';
import { allOf, type Finding, well, wrong } from './finding.ts';
import { earlier, functions, quota } from './functionChecks.ts';
import { type Place, setupOf } from './place.ts';
import { queues, schedules, secret } from './queueChecks.ts';
import { indexes, lifecycle } from './storedChecks.ts';

/** Looks at all that a deploy makes in a project; changes nothing. */
export async function projectChecks(place: Place): Promise<Finding[]> {
  const off = await services(place);
  // Others' answers would only say so again.
  if (!off.isWell) return [region(place), off];
  const found = Object.entries(checks).map(([name, check]) => seen(name, () => check(place)));
  return [region(place), off, ...(await Promise.all(found)).flat()];
}

const checks: Record<string, (place: Place) => Promise<Finding | Finding[]>> = {
  roles,
  'quota of vCPUs': quota,
  functions,
  'earlier version': earlier,
  queues,
  schedules,
  'secret API_KEYS': secret,
  'bucket’s lifecycle': lifecycle,
  'indexes and TTL': indexes,
};

/** Gives what is found, or that whoever asks may not see it. */
async function seen(name: string, look: () => Promise<Finding | Finding[]>): Promise<Finding | Finding[]> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof GoogleError) || error.status !== 403) throw error;
    const mend = 'npx firebase login --reauth, as somebody with roles/viewer in the project';
    return wrong(name, `may not be seen: ${error.message}`, mend);
  }
}

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
