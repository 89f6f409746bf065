/**
 * Run by the Firebase CLI before each deploy of functions (firebase.json): ends with an error where the deploy would
 * lose tasks that wait in a queue, or where that cannot be told. The CLI gives the project in GCLOUD_PROJECT.
 */
import { join } from 'node:path';
import { CloudTasksClient } from '@google-cloud/tasks';
import { cliAccessToken, tokenCredentials } from './cliCredentials.ts';
import { declaredFunctions } from './declared.ts';
import { allRegions, type FoundQueue, findQueues, isApiDisabled, whatWouldBeLost } from './queueCheck.ts';

const root = join(import.meta.dirname, '..');
const page = 'docs/operations.md, "Moving a queue"';

try {
  await check();
} catch (error) {
  console.error(`Deploy refused: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

async function check(): Promise<void> {
  const projectId = process.env['GCLOUD_PROJECT'];
  if (!projectId) throw new Error('GCLOUD_PROJECT is not set; the Firebase CLI sets it.');
  if (process.env['SLUICE_SKIP_QUEUE_CHECK'] === '1') {
    console.warn('SLUICE_SKIP_QUEUE_CHECK is set: not looking whether this deploy loses tasks.');
    return;
  }
  if (projectId.startsWith('demo-')) return;
  const declared = await declaredQueues(projectId);
  const found = await queuesOrExplain(projectId);
  const foreign = (process.env['SLUICE_FOREIGN_QUEUES'] ?? '').split(',').map((name) => name.trim());
  const losses = whatWouldBeLost({ declared, found, foreign });
  if (losses.length > 0) {
    throw new Error(
      `it would lose tasks.\n  ${losses.join('\n  ')}\nSee ${page}. ` +
        'Queues of something else in this project: name them in SLUICE_FOREIGN_QUEUES, separated by commas.',
    );
  }
  console.log(`No queue loses tasks (${found.length} looked at).`);
}

async function declaredQueues(projectId: string): Promise<string[]> {
  const bucket = `${projectId}.firebasestorage.app`;
  const { functions } = await declaredFunctions(join(root, 'functions'), projectId, bucket);
  return functions
    .filter(({ isQueue }) => isQueue)
    .map(({ id, region }) => `projects/${projectId}/locations/${region}/queues/${id}`);
}

async function queuesOrExplain(projectId: string): Promise<FoundQueue[]> {
  try {
    const token = await cliAccessToken(projectId, root);
    const client = new CloudTasksClient({ projectId, sslCreds: tokenCredentials(token) });
    try {
      return await findQueues(client, projectId, await allRegions(client, projectId));
    } finally {
      await client.close();
    }
  } catch (error) {
    if (isApiDisabled(error)) return [];
    throw new Error(
      `whether it would lose tasks cannot be told: ${error instanceof Error ? error.message : String(error)}\n` +
        'Log in (firebase login) as someone with roles/cloudtasks.viewer. To deploy without looking: ' +
        `SLUICE_SKIP_QUEUE_CHECK=1. See ${page}.`,
      { cause: error },
    );
  }
}
