import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Firestore } from '@google-cloud/firestore';

/** A Firestore in a process of its own, and the official client connected to it. */
export interface FirestoreService {
  readonly db: Firestore;
  readonly pid: number;
  /** CPU time of the process so far. */
  cpuMs(): Promise<number>;
  close(): Promise<void>;
}

/** Starts a module as a process; answers with its first message. */
async function started(module: string): Promise<{ child: ChildProcess; message: unknown }> {
  const child = fork(join(import.meta.dirname, module), [], { execArgv: [] });
  const ended = once(child, 'exit').then(() => Promise.reject(new Error(`${module} ended.`)));
  const [message] = await Promise.race([once(child, 'message'), ended]);
  ended.catch(() => {});
  return { child, message };
}

export async function startService(): Promise<FirestoreService> {
  process.env['METADATA_SERVER_DETECTION'] ??= 'none';
  const { child, message: port } = await started('firestoreProcess.ts');
  const db = new Firestore({ projectId: 'demo-bench', host: `127.0.0.1:${port}`, ssl: false });
  return {
    db,
    pid: child.pid ?? 0,
    async cpuMs() {
      child.send('cpu');
      const [ms] = await once(child, 'message');
      return Number(ms);
    },
    async close() {
      await db.terminate();
      child.kill();
      await once(child, 'exit');
    },
  };
}

/** Milliseconds from the start of a process to a stack that is ready. */
export async function stackStartMs(): Promise<number> {
  const startedMs = performance.now();
  const { child } = await started('stackProcess.ts');
  const tookMs = performance.now() - startedMs;
  await once(child, 'exit');
  return tookMs;
}
