import type { Firestore } from '@google-cloud/firestore';
import type { LocalStack } from '../../../local/stack.ts';
import { fileBytes } from './client.ts';
import { documentFault, type Model, type StoredTask, taskFaults } from './model.ts';
import { poisonSuffix } from './story.ts';

interface CheckOptions {
  stack: LocalStack;
  db: Firestore;
  taskTimeoutMs: number;
}

/** Finds, in words, everything stored that is not as the model has it, and everything left behind. */
export async function check(model: Model, options: CheckOptions): Promise<string[]> {
  const found = [
    ...(await checkTasks(model, options)),
    ...(await checkDocuments(model, options)),
    ...(await checkFiles(model, options)),
    ...(await checkDeadLetters(options)),
    ...(await checkRemains(options)),
  ];
  return found;
}

async function checkTasks(model: Model, options: CheckOptions): Promise<string[]> {
  const faults: string[] = [];
  for (const [id, traffic] of model.tasks) {
    const answer = await get(options.stack, `/v1/tasks/${id}`);
    if (answer.status !== 200) {
      faults.push(`${id}: ${answer.status} ${await answer.text()}`);
      continue;
    }
    faults.push(...taskFaults(id, traffic, (await answer.json()) as StoredTask, options.taskTimeoutMs));
  }
  return faults;
}

async function checkDocuments(model: Model, { db }: CheckOptions): Promise<string[]> {
  const faults: string[] = [];
  for (const [path, expected] of model.documents) {
    const fault = documentFault(path, expected, (await db.doc(path).get()).data());
    if (fault !== undefined) faults.push(fault);
  }
  return faults;
}

async function checkFiles(model: Model, { stack }: CheckOptions): Promise<string[]> {
  const faults: string[] = [];
  for (const [key, { fileId, bytes, seed }] of model.files) {
    const answer = await get(stack, `/v1/files/${fileId}/content`);
    const content = Buffer.from(await answer.arrayBuffer());
    if (answer.status !== 200) faults.push(`${key}: ${answer.status} ${content.toString().slice(0, 200)}`);
    else if (!content.equals(fileBytes(seed, bytes))) faults.push(`${key}: its bytes are others`);
  }
  return faults;
}

/** Finds dead letters of events that could have been applied. */
async function checkDeadLetters({ stack }: CheckOptions): Promise<string[]> {
  const answer = await get(stack, '/v1/dead-letters?limit=100');
  if (answer.status !== 200) return [`dead letters: ${answer.status} ${await answer.text()}`];
  const { dead_letters: letters } = (await answer.json()) as {
    dead_letters: { target: string; reason: string; detail: string }[];
  };
  return letters
    .filter(({ target }) => !target.endsWith(poisonSuffix))
    .map(({ target, reason, detail }) => `${target}: a dead letter, ${reason}: ${detail}`);
}

/** Carriers that still wait somewhere. */
async function checkRemains({ stack }: CheckOptions): Promise<string[]> {
  const bucket = `${stack.clientEnv['GCLOUD_PROJECT']}.firebasestorage.app`;
  const listed = await fetch(
    `${stack.clientEnv['STORAGE_EMULATOR_HOST']}/storage/v1/b/${bucket}/o?prefix=spool/`,
  );
  const { items = [] } = (await listed.json()) as { items?: { name: string }[] };
  const faults = items.map(({ name }) => `${name} is still spooled`);
  const status = await get(stack, '/v1/status');
  const { backlog } = (await status.json()) as { backlog?: { queued_carriers: number | null } };
  if (backlog?.queued_carriers !== 0) faults.push(`${backlog?.queued_carriers} carriers are still queued`);
  return faults;
}

/** Asks again as a 503 says, by the stack's clock. */
async function get(stack: LocalStack, path: string): Promise<Response> {
  for (let tries = 20; ; tries -= 1) {
    const headers = { 'x-api-key': stack.keys['admin'] ?? '' };
    const answer = await fetch(stack.urls.hosting + path, { headers });
    if (answer.status !== 503 || tries === 1) return answer;
    await answer.text();
    await stack.advance(5_000);
  }
}
