import { join } from 'node:path';
import type { LocalGoogle } from '../../../local/google/index.ts';
import { type DeclaredFunction, declaredFunctions } from '../../../scripts/google/declared.ts';
import { GoogleApi } from '../../../scripts/google/googleApi.ts';
import { enableServices, projectFacts } from '../../../scripts/google/projectFacts.ts';
import { grantMissing, neededGrants } from '../../../scripts/google/roles.ts';
import { missingRules } from '../../../scripts/setup/setupSteps.ts';
import { functionsDir } from '../../support/build.ts';

const region = 'us-central1';

/**
 * Puts into a local Google what a deploy leaves in a project, as the rehearsal finds it after one, and gives the API
 * that reaches it.
 */
export async function install(google: LocalGoogle): Promise<GoogleApi> {
  const { project } = google;
  const api = new GoogleApi(async () => 'token', google.reach);
  const facts = await projectFacts(api, project.id);
  const { functions, manifest, wantedIndexes } = await declaredFunctions(
    functionsDir,
    project.id,
    facts.bucket,
  );
  await enableServices(api, facts);
  for (const one of functions) setFunction(google, one);
  const place = `projects/${project.id}/locations/${region}`;
  const queues = functions.filter(({ isQueue }) => isQueue).map(({ id }) => id);
  for (const id of queues) {
    const queue = { name: `${place}/queues/${id}`, state: 'RUNNING', retryConfig: { maxAttempts: -1 } };
    await api.call('POST', `https://cloudtasks.googleapis.com/v2/${place}/queues`, queue);
  }
  for (const [name, { scheduleTrigger }] of Object.entries(manifest.endpoints)) {
    if (scheduleTrigger === undefined) continue;
    const job = { name: `${place}/jobs/firebase-schedule-sluice-${name}-${region}` };
    await api.call('POST', `https://cloudscheduler.googleapis.com/v1/${place}/jobs`, job);
  }
  const grants = neededGrants(facts, { region, queues });
  await grantMissing(api, facts.account, grants, { isDryRun: false, say: () => undefined });
  const name = `projects/${project.number}/secrets/API_KEYS`;
  project.secrets.set('API_KEYS', { name, versions: ['[]'] });
  await setRules(google, missingRules([]));
  const database = `https://firestore.googleapis.com/v1/projects/${project.id}/databases/(default)`;
  for (const { collectionGroup, ...index } of wantedIndexes.indexes)
    await api.call('POST', `${database}/collectionGroups/${collectionGroup}/indexes`, index);
  for (const { collectionGroup, fieldPath } of wantedIndexes.fieldOverrides.filter(({ ttl }) => ttl)) {
    const field = `${database}/collectionGroups/${collectionGroup}/fields/${fieldPath}`;
    await api.call('PATCH', field, { ttlConfig: {} });
  }
  return api;
}

export async function setRules({ project, reach }: LocalGoogle, rule: object[]): Promise<void> {
  const url = reach(`https://storage.googleapis.com/storage/v1/b/${project.bucket}`);
  const body = JSON.stringify({ lifecycle: { rule } });
  await fetch(url, { method: 'PATCH', headers: { 'content-type': 'application/json' }, body });
}

function setFunction({ project }: LocalGoogle, { id, isQueue }: DeclaredFunction): void {
  const name = `projects/${project.id}/locations/${region}/functions/${id}`;
  const codebase = { 'deployment-tool': 'cli-firebase', 'firebase-functions-codebase': 'sluice' };
  const secrets = [{ key: 'API_KEYS', secret: 'API_KEYS', version: '1' }];
  project.functions.set(name, {
    name,
    labels: { ...codebase, ...(isQueue && { 'deployment-taskqueue': 'true' }) },
    environment: 'GEN_2',
    state: 'ACTIVE',
    url: `https://${region}-${project.id}.cloudfunctions.net/${id}`,
    buildConfig: { runtime: 'nodejs24', entryPoint: id },
    serviceConfig: {
      service: join(name, '../../services', id),
      uri: `https://${id}.a.run.app`,
      serviceAccountEmail: project.compute,
      availableCpu: '1',
      availableMemory: '512Mi',
      secretEnvironmentVariables: secrets,
    },
  });
}
