import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { apiKeysSecret, localKeys } from '../../../local/keys.ts';
import { closeServer, listen } from '../../../local/shared/http.ts';

const root = join(import.meta.dirname, '../../..');

/** Time that the emulators get to end by themselves. */
const endLimitMs = 5000;

export interface Emulators {
  /** Base address of the functions, without a slash at the end. */
  url: string;
  /** All they printed so far. */
  output(): string;
  close(): Promise<void>;
}

/**
 * Starts firebase-tools' Functions and Tasks emulators on a copy of the built functions, with the local stack's keys
 * as their secret. `services` are the addresses of everything else the functions use.
 */
export async function startEmulators(
  projectId: string,
  services: Record<string, string>,
): Promise<Emulators> {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-emulators-'));
  const [functions, tasks, hub, logging, eventarc] = await freePorts(5);
  copyFunctions(join(dir, 'functions'));
  const config = {
    functions: { source: 'functions', codebase: 'sluice', prefix: 'sluice', runtime: 'nodejs24' },
    emulators: {
      functions: { host: '127.0.0.1', port: functions },
      tasks: { host: '127.0.0.1', port: tasks },
      hub: { host: '127.0.0.1', port: hub },
      logging: { host: '127.0.0.1', port: logging },
      eventarc: { host: '127.0.0.1', port: eventarc },
      ui: { enabled: false },
    },
  };
  writeFileSync(join(dir, 'firebase.json'), JSON.stringify(config));
  const cli = createRequire(import.meta.url).resolve('firebase-tools/lib/bin/firebase.js');
  const child = spawn(
    process.execPath,
    [cli, 'emulators:start', '--only', 'functions,tasks', '--project', projectId, '--non-interactive'],
    {
      cwd: dir,
      // A group of its own, so that what the emulators start ends with them.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
        HOME: dir,
        CI: 'true',
        NO_UPDATE_NOTIFIER: '1',
        // The CLI asks npm for the newest SDK, and waits for it.
        npm_config_offline: 'true',
        METADATA_SERVER_DETECTION: 'none',
        ...services,
      },
    },
  );
  let output = '';
  const close = async (): Promise<void> => {
    await endGroup(child);
    rmSync(dir, { recursive: true, force: true });
  };
  const ready = new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        if (output.includes('All emulators ready')) resolve();
      });
    }
    child.once('exit', () => reject(new Error(`The emulators ended before they were ready:\n${output}`)));
  });
  try {
    await ready;
  } catch (error) {
    await close();
    throw error;
  }
  return { url: `http://127.0.0.1:${functions}/${projectId}/us-central1`, output: () => output, close };
}

function copyFunctions(dir: string): void {
  mkdirSync(dir);
  for (const name of ['lib', 'package.json']) {
    cpSync(join(root, 'functions', name), join(dir, name), { recursive: true });
  }
  symlinkSync(join(root, 'functions/node_modules'), join(dir, 'node_modules'));
  writeFileSync(join(dir, '.secret.local'), `API_KEYS='${apiKeysSecret(localKeys)}'\n`);
}

/** Ports that are free now. They are held until all are found, so that none comes twice. */
async function freePorts(count: number): Promise<number[]> {
  const probes = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(probes.map((probe) => listen(probe, 0, 'probe')));
  await Promise.all(probes.map(closeServer));
  return ports;
}

async function endGroup(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, 'exit');
    const force = setTimeout(() => signalGroup(child, 'SIGKILL'), endLimitMs);
    signalGroup(child, 'SIGTERM');
    await ended;
    clearTimeout(force);
  }
  signalGroup(child, 'SIGKILL');
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // Nothing is left of the group.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
