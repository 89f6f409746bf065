import { deployedFunctions, isOwn } from '../google/deployedFunctions.ts';
import { allOf, type Finding, well, wrong } from './finding.ts';
import { deployOf, type Place } from './place.ts';

interface Queue {
  state: string;
  rateLimits?: object;
  retryConfig?: { maxAttempts?: number };
}

export async function queues(place: Place): Promise<Finding[]> {
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

export async function schedules(place: Place): Promise<Finding> {
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

/** Looks whether the keys that functions were deployed with can be had, and are the latest. */
export async function secret(place: Place): Promise<Finding> {
  const { api, facts } = place;
  const check = 'secret API_KEYS';
  const versions = `https://secretmanager.googleapis.com/v1/projects/${facts.id}/secrets/API_KEYS/versions`;
  const latest = await api.get<{ name: string; state: string }>(`${versions}/latest`);
  const set = `npx firebase functions:secrets:set API_KEYS --project ${facts.id}`;
  if (latest === undefined) return wrong(check, 'has no version', set);
  const newest = latest.name.split('/').at(-1) ?? '';
  const deployed = (await deployedFunctions(api, facts.id)).filter(isOwn);
  const used = new Set(deployed.flatMap(({ keysVersion }) => keysVersion ?? []));
  for (const version of new Set([...used, newest])) {
    const found = await api.get<{ state: string }>(`${versions}/${version}`);
    const enable = `gcloud secrets versions enable ${version} --secret=API_KEYS --project=${facts.id}`;
    if (found?.state === 'ENABLED') continue;
    return wrong(check, `version ${version} is ${found?.state ?? 'gone'}: instances cannot start`, enable);
  }
  if (used.size > 0 && !used.has(newest))
    return wrong(check, `version ${newest} is not deployed`, deployOf(place));
  return well(check, `version ${newest}`);
}
