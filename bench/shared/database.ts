import { type DocumentData, Firestore } from '@google-cloud/firestore';
import type { LocalStack } from '../../local/stack.ts';

/** The stack's database through the official client; `terminate` it before the stack closes. */
export function openDatabase({ clientEnv }: Pick<LocalStack, 'clientEnv'>): Firestore {
  const [host = '127.0.0.1', port] = (clientEnv['FIRESTORE_EMULATOR_HOST'] ?? '').split(':');
  // Off the cloud the client looks for a metadata server at its first call, and warns that there is none.
  process.env['METADATA_SERVER_DETECTION'] ??= 'none';
  return new Firestore({
    projectId: clientEnv['GCLOUD_PROJECT'] ?? '',
    host,
    port: Number(port),
    ssl: false,
    ignoreUndefinedProperties: true,
  });
}

/** The documents of these tasks, in their order; undefined where there is none. */
export async function readTasks(
  database: Firestore,
  taskIds: readonly string[],
): Promise<(DocumentData | undefined)[]> {
  const documents: (DocumentData | undefined)[] = [];
  for (let start = 0; start < taskIds.length; start += 200) {
    const references = taskIds.slice(start, start + 200).map((id) => database.doc(`tasks/${id}`));
    documents.push(...(await database.getAll(...references)).map((snapshot) => snapshot.data()));
  }
  return documents;
}
