import { spawn } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WireManifest } from './manifest.ts';
import { commandFile } from './packages.ts';

const discoveryTimeoutMs = 30_000;

interface DiscoveryOptions {
  functionsDir: string;
  projectId: string;
  storageBucket: string;
  /** Values of the .env files, which the code base sees while it is asked. */
  env?: Readonly<Record<string, string>>;
}

const discovered = new Map<string, WireManifest>();

/**
 * Tells a code base's functions as {@link askCodeBase} does, from memory where the same was asked before and the
 * program that package.json names is as old: a process may start many stacks.
 */
export async function discoverFunctions(options: DiscoveryOptions): Promise<WireManifest> {
  const key = JSON.stringify([options, programStamp(options.functionsDir)]);
  const known = discovered.get(key) ?? (await askCodeBase(options));
  discovered.set(key, known);
  return structuredClone(known);
}

function programStamp(functionsDir: string): number | undefined {
  try {
    const { main } = JSON.parse(readFileSync(join(functionsDir, 'package.json'), 'utf8')) as { main: string };
    return statSync(join(functionsDir, main)).mtimeMs;
  } catch {
    // What is missing the code base itself says best.
    return undefined;
  }
}

/**
 * Asks a code base for its functions as the Firebase CLI does at a deploy: the SDK's own server is started on the
 * directory and asked for `/__/functions.yaml` (firebase-tools, `deploy/functions/runtimes/node`). Throws with the
 * code's own output when it does not load.
 */
async function askCodeBase(options: DiscoveryOptions): Promise<WireManifest> {
  const port = await freePort();
  const server = spawn(process.execPath, [sdkServerFile(options.functionsDir), options.functionsDir], {
    cwd: options.functionsDir,
    env: {
      ...options.env,
      PATH: process.env['PATH'],
      PORT: String(port),
      FUNCTIONS_CONTROL_API: 'true',
      METADATA_SERVER_DETECTION: 'none',
      GCLOUD_PROJECT: options.projectId,
      FIREBASE_CONFIG: firebaseConfig(options.projectId, options.storageBucket),
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let output = '';
  server.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const ended = new Promise<void>((resolve) => server.once('close', () => resolve()));
  try {
    const answer = await askUntilReady(
      `http://127.0.0.1:${port}/__/functions.yaml`,
      () => server.exitCode === null,
    );
    if (answer.status !== 200) throw new Error(answer.text);
    await fetch(`http://127.0.0.1:${port}/__/quitquitquit`);
    // The body is JSON, which is YAML too: no YAML parser is needed.
    const manifest: WireManifest = JSON.parse(answer.text);
    return manifest;
  } catch (error) {
    throw new Error(
      `The functions in ${options.functionsDir} could not be read: ${messageOf(error)}\n${output}`,
      {
        cause: error,
      },
    );
  } finally {
    server.kill('SIGKILL');
    await ended;
  }
}

/** The value of FIREBASE_CONFIG that the platform sets for a function. */
export function firebaseConfig(projectId: string, storageBucket: string): string {
  return JSON.stringify({ projectId, storageBucket });
}

function sdkServerFile(functionsDir: string): string {
  const file = commandFile(functionsDir, 'firebase-functions', 'firebase-functions');
  if (file === undefined) throw new Error('firebase-functions has no discovery server: is it installed?');
  return file;
}

async function askUntilReady(url: string, alive: () => boolean): Promise<{ status: number; text: string }> {
  const deadline = AbortSignal.timeout(discoveryTimeoutMs);
  while (true) {
    try {
      const answer = await fetch(url, { signal: deadline });
      return { status: answer.status, text: await answer.text() };
    } catch (error) {
      if (deadline.aborted) throw new Error(`no answer in ${discoveryTimeoutMs / 1000} s`, { cause: error });
      if (!alive()) throw new Error('the discovery process ended', { cause: error });
      await sleep(10);
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
