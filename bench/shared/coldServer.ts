import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { build } from 'esbuild';
import { discoverFunctions, firebaseConfig } from '../../local/functions/discovery.ts';
import { readEnvFiles } from '../../local/functions/env-files.ts';
import { frameworkEnv, frameworkFile } from '../../local/functions/instance-process.ts';
import { resolveParams } from '../../local/functions/manifest.ts';
import type { ReadyMessage } from '../../local/functions/protocol.ts';
import { apiKeysSecret, localKeys } from '../../local/keys.ts';
import type { LocalStack } from '../../local/stack.ts';
import { requiredBuiltins } from '../../scripts/bundle/builtins.ts';

const root = join(import.meta.dirname, '../..');
const serverFile = join(root, 'node_modules/.cache/sluice/server.js');

/**
 * Compiles what the local stack puts before the Functions Framework, so that starts are measured as the platform's are:
 * it is TypeScript, whose types are stripped at each start (44 ms).
 */
export async function compileServer(): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: ['local/functions/instance.ts'],
    outfile: serverFile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    plugins: [requiredBuiltins],
    banner: { js: "const require = process.getBuiltinModule('module').createRequire(import.meta.url);" },
    logLevel: 'warning',
  });
}

interface ColdFunction {
  functionsDir: string;
  name: string;
  env: Record<string, string>;
}

/** A function of a code base and the environment it has in this stack, with nothing compiled by an earlier start. */
export async function coldFunction(
  stack: LocalStack,
  projectId: string,
  functionsDir: string,
  name: string,
): Promise<ColdFunction> {
  const storageBucket = `${projectId}.firebasestorage.app`;
  const manifest = await discoverFunctions({ functionsDir, projectId, storageBucket });
  const env = {
    PATH: process.env['PATH'] ?? '',
    NODE_DISABLE_COMPILE_CACHE: '1',
    ...frameworkEnv({ entryPoint: name, trigger: { kind: 'https' } }),
    FIREBASE_CONFIG: firebaseConfig(projectId, storageBucket),
    API_KEYS: apiKeysSecret(localKeys),
    ...readEnvFiles(functionsDir, projectId).env,
    ...resolveParams(manifest, {}),
    ...stack.clientEnv,
  };
  return { functionsDir, name, env };
}

/** Starts a process for the function, sends it one request, ends it. Returns the time until the answer was there. */
export async function firstAnswerMs({ functionsDir, name, env }: ColdFunction): Promise<number> {
  const startedMs = performance.now();
  const child = spawn(process.execPath, [serverFile, frameworkFile(functionsDir), '0'], {
    cwd: functionsDir,
    env,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit');
  try {
    const [ready]: [ReadyMessage] = await Promise.race([
      once(child, 'message') as Promise<[ReadyMessage]>,
      ended.then(() => Promise.reject(new Error(`${name} ended before it served.`))),
    ]);
    const answer = await fetch(`http://127.0.0.1:${ready.port}/v1/responses`, {
      method: 'POST',
      headers: { 'x-api-key': localKeys[0]?.key ?? '', 'content-type': 'application/json' },
      body: JSON.stringify({ task_id: 'cold', miner_uid: 1, response_data: 'x' }),
    });
    await answer.text();
    if (answer.status !== 202) throw new Error(`${name} answers ${answer.status}`);
    return performance.now() - startedMs;
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}
