/**
 * Run by the Firebase CLI before each deploy of functions (firebase.json): ends with an error where the deploy would
 * replace a function that is not Sluice's or lose tasks that wait in a queue, or where that cannot be told. The CLI
 * gives the project in GCLOUD_PROJECT.
 */
import { join } from 'node:path';
import { CloudTasksClient } from '@google-cloud/tasks';
import { type FoundQueue, findQueues, isApiDisabled, whatWouldBeLost } from './deploy/queueCheck.ts';
import { cliAccessToken, tokenCredentials } from './google/cliCredentials.ts';
import { type DeclaredFunction, declaredFunctions } from './google/declared.ts';
import {
  type DeployedFunction,
  deployedFunctions,
  whatGoes,
  whatWouldBeReplaced,
} from './google/deployedFunctions.ts';
import { formerFunctions, formerLines } from './google/formerFunctions.ts';
import { GoogleApi } from './google/googleApi.ts';

const root = join(import.meta.dirname, '..');
const page = 'docs/operations.md, “Moving a queue”';

try {
  await check();
} catch (error) {
  console.error(`Deploy refused: ${messageOf(error)}`);
  process.exitCode = 1;
}

async function check(): Promise<void> {
  const projectId = process.env['GCLOUD_PROJECT'];
  if (!projectId) throw new Error('GCLOUD_PROJECT is not set; the Firebase CLI sets it.');
  if (process.env['SLUICE_SKIP_QUEUE_CHECK'] === '1') {
    console.warn(
      'SLUICE_SKIP_QUEUE_CHECK is set: not looking what this deploy replaces, or whether it loses tasks.',
    );
    return;
  }
  if (projectId.startsWith('demo-')) return;
  const bucket = `${projectId}.firebasestorage.app`;
  const { functions: declared } = await declaredFunctions(join(root, 'functions'), projectId, bucket);
  const { deployed, found } = await stateOrExplain(projectId, declared);
  const replaced = whatWouldBeReplaced(declared, deployed);
  if (replaced.length > 0) {
    const remedy = 'Deploy to a project of its own, or give those functions another name.';
    throw new Error(
      `it would replace functions that are not Sluice's.\n  ${replaced.join('\n  ')}\n${remedy}`,
    );
  }
  const losses = whatWouldBeLost({ declared: queuesOf(projectId, declared), found });
  if (losses.length > 0) throw new Error(`it would lose tasks.\n  ${losses.join('\n  ')}\nSee ${page}.`);
  for (const { id, region } of whatGoes(declared, deployed)) {
    console.log(
      `${id} in ${region} is no longer in this code; the Firebase CLI asks, or with --force deletes it.`,
    );
  }
  const former = formerFunctions(deployed);
  if (former.length > 0) console.log(formerLines(former, projectId).join('\n'));
  console.log(`No queue loses tasks (${found.length} looked at).`);
}

function queuesOf(projectId: string, functions: readonly (DeclaredFunction | DeployedFunction)[]): string[] {
  return functions
    .filter(({ isQueue }) => isQueue)
    .map(({ id, region }) => `projects/${projectId}/locations/${region}/queues/${id}`);
}

async function stateOrExplain(
  projectId: string,
  declared: readonly DeclaredFunction[],
): Promise<{ deployed: DeployedFunction[]; found: FoundQueue[] }> {
  try {
    const token = await cliAccessToken(projectId, root);
    const deployed = await deployedFunctions(new GoogleApi(async () => token), projectId);
    const names = queuesOf(projectId, [...declared, ...whatGoes(declared, deployed)]);
    return { deployed, found: await queuesNow(projectId, token, names) };
  } catch (error) {
    throw new Error(
      `whether it would lose tasks cannot be told: ${messageOf(error)}\n` +
        'Log in (npx firebase login) as someone with roles/cloudtasks.viewer and roles/cloudfunctions.viewer. ' +
        `To deploy without looking: SLUICE_SKIP_QUEUE_CHECK=1. See ${page}.`,
      { cause: error },
    );
  }
}

async function queuesNow(projectId: string, token: string, names: readonly string[]): Promise<FoundQueue[]> {
  const client = new CloudTasksClient({ projectId, sslCreds: tokenCredentials(async () => token) });
  try {
    return await findQueues(client, names);
  } catch (error) {
    if (isApiDisabled(error)) return [];
    throw error;
  } finally {
    await client.close();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
