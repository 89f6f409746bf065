/**
 * `npm run retire -- --project ID`: ends an earlier version whose functions stand beside Sluice's. What waits in their
 * queues is moved into Sluice's, then they are deleted. Can be run again.
 */
import { join } from 'node:path';
import { CloudTasksClient } from '@google-cloud/tasks';
import { deployedId } from '../functions/src/config.ts';
import { readOptions, runCommand } from './command.ts';
import { firebase } from './deploy/firebaseCli.ts';
import { moveTasks } from './deploy/moveTasks.ts';
import { cliAccessToken, tokenCredentials } from './google/cliCredentials.ts';
import { declaredFunctions } from './google/declared.ts';
import { type DeployedFunction, deployedFunctions } from './google/deployedFunctions.ts';
import { formerFunctions, formerLines, whyNotYet } from './google/formerFunctions.ts';
import { GoogleApi } from './google/googleApi.ts';

const usage = 'Usage: npm run retire -- --project ID [--dry-run]';
const root = join(import.meta.dirname, '..');

await runCommand(retire, 1);

async function retire(): Promise<void> {
  const values = readOptions(usage, {
    project: { type: 'string' },
    'dry-run': { type: 'boolean', default: false },
  });
  const { project, 'dry-run': isDryRun } = values;
  if (project === undefined) throw new Error(usage);
  const api = new GoogleApi(() => cliAccessToken(project, root));
  const deployed = await deployedFunctions(api, project);
  const former = formerFunctions(deployed);
  if (former.length === 0) return console.log("No functions of an earlier version stand beside Sluice's.");
  console.log(formerLines(former, project).join('\n'));
  const bucket = `${project}.firebasestorage.app`;
  const { functions } = await declaredFunctions(join(root, 'functions'), project, bucket);
  const declaredIds = functions.map(({ id }) => id);
  const reason = whyNotYet(deployed, declaredIds, await servedIds(api, project));
  if (reason !== undefined) throw new Error(`Nothing was done. ${reason} npm run deploy comes first.`);
  if (isDryRun) return console.log('Nothing was changed.');
  const region = functions[0]?.region ?? '';
  const client = new CloudTasksClient({
    projectId: project,
    sslCreds: tokenCredentials(() => cliAccessToken(project, root)),
  });
  try {
    const queues = former.filter(({ isQueue }) => isQueue);
    const ofProject = (name: string, where: string): string =>
      `projects/${project}/locations/${where}/queues/${name}`;
    const empty = async (): Promise<void> => {
      for (const { id, region: where } of queues) {
        const [from, to] = [ofProject(id, where), ofProject(deployedId(id), region)];
        const url = deployed.find((one) => one.id === deployedId(id) && one.region === region)?.url ?? '';
        console.log(`${id}: ${await moveTasks(client, { from, to, url })} tasks moved to ${deployedId(id)}.`);
      }
    };
    for (const { id, region: where } of queues) await client.pauseQueue({ name: ofProject(id, where) });
    await empty();
    // Of queues without a function a second run would know nothing, so those that accept go first.
    for (const each of [former.filter(({ isQueue }) => !isQueue), queues]) {
      try {
        await deleteFunctions(project, each);
      } finally {
        // The last requests of what is deleted may have put some more; a disabled queue keeps them.
        await empty();
      }
    }
  } finally {
    await client.close();
  }
  console.log(`\nThe earlier version is gone. Its queues are left, empty and disabled.`);
}

/** Services that the site's rewrites lead to. */
async function servedIds(api: GoogleApi, project: string): Promise<string[]> {
  interface Releases {
    releases?: { version?: { config?: { rewrites?: { run?: { serviceId: string } }[] } } }[];
  }
  const site = `https://firebasehosting.googleapis.com/v1beta1/projects/${project}/sites/${project}`;
  const { releases = [] } = (await api.get<Releases>(`${site}/releases?pageSize=1`)) ?? {};
  const rewrites = releases[0]?.version?.config?.rewrites ?? [];
  return rewrites.flatMap(({ run }) => (run === undefined ? [] : [run.serviceId]));
}

async function deleteFunctions(project: string, former: readonly DeployedFunction[]): Promise<void> {
  for (const [region, there] of Map.groupBy(former, (one) => one.region)) {
    const ids = there.map(({ id }) => id);
    const args = ['functions:delete', ...ids, '--region', region, '--project', project, '--force'];
    await firebase(`Deleting ${ids.join(', ')}`, args);
  }
}
