import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isInstalled } from '../../scripts/prepare.mjs';
import { commandFile } from '../functions/packages.ts';
import { listen } from '../shared/http.ts';
import type { DeployedFunction, Project } from './project.ts';
import { unpack } from './zip.ts';

interface InstancesOptions {
  project: Project;
  /** Directory in which the uploaded sources are unpacked. */
  dir: string;
  /** Directories of installed packages; a source gets the first that has all that its lock file names. */
  nodeModules: readonly string[];
  /** Variables by which Google's clients of an instance are led here. */
  env: Record<string, string>;
}

const startLimitMs = 30_000;

/** Runs deployed functions, one process each from its first request on, as Cloud Run starts what was built. */
export class Instances {
  readonly #options: InstancesOptions;
  readonly #started = new Map<string, Promise<number>>();
  readonly #processes: ChildProcess[] = [];
  output = '';

  constructor(options: InstancesOptions) {
    this.#options = options;
  }

  /** The port at which the function listens. Rejects with its output when it does not start. */
  port(deployed: DeployedFunction): Promise<number> {
    const object = deployed.buildConfig.source?.storageSource?.object ?? '';
    const key = `${deployed.name} ${object}`;
    const started = this.#started.get(key) ?? this.#start(deployed, object);
    this.#started.set(key, started);
    return started;
  }

  async close(): Promise<void> {
    const running = this.#processes.filter((each) => each.exitCode === null && each.signalCode === null);
    const ended = running.map((each) => new Promise((resolve) => each.once('exit', resolve)));
    for (const each of running) each.kill('SIGKILL');
    await Promise.all(ended);
  }

  async #start(deployed: DeployedFunction, object: string): Promise<number> {
    const source = this.#source(object);
    // Where the source has none, the platform's builder adds its own.
    const framework = [source, ...this.#options.nodeModules.map(dirname)]
      .map((dir) => commandFile(dir, '@google-cloud/functions-framework', 'functions-framework'))
      .find((file) => file !== undefined);
    if (framework === undefined) throw new Error('The uploaded source has no Functions Framework.');
    const port = await freePort();
    const child = spawn(process.execPath, [framework], {
      cwd: source,
      env: this.#environment(deployed, port),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#processes.push(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        this.output += text;
      });
    }
    const limit = AbortSignal.timeout(startLimitMs);
    while (child.exitCode === null && !limit.aborted) {
      // Answers 404 without calling the function.
      const answer = await fetch(`http://127.0.0.1:${port}/favicon.ico`).catch(() => undefined);
      await answer?.arrayBuffer();
      if (answer !== undefined) return port;
      await sleep(25);
    }
    throw new Error(`${deployed.name} does not start:\n${output}`);
  }

  #source(object: string): string {
    const source = join(this.#options.dir, object.replace(/\W/g, '-'));
    const zip = this.#options.project.uploads.get(object);
    if (zip === undefined) throw new Error(`There is no source ${object}.`);
    if (!existsSync(source)) {
      mkdirSync(source);
      unpack(zip, source);
      const packages = this.#options.nodeModules.find((each) => isInstalled(source, each));
      if (packages === undefined)
        throw new Error('The packages of the uploaded source are not installed here.');
      symlinkSync(packages, join(source, 'node_modules'));
    }
    return source;
  }

  #environment({ name, serviceConfig }: DeployedFunction, port: number): Record<string, string> {
    const { project, env } = this.#options;
    const { environmentVariables: variables = {}, secretEnvironmentVariables: secrets = [] } = serviceConfig;
    const service = serviceConfig.service.split('/').at(-1) ?? name;
    const known = secrets.map(({ key, secret, version }) => {
      return [key, project.secrets.get(secret)?.versions[Number(version) - 1] ?? ''];
    });
    return {
      ...env,
      ...variables,
      ...Object.fromEntries(known),
      NODE_OPTIONS: [env['NODE_OPTIONS'], variables['NODE_OPTIONS']].filter(Boolean).join(' '),
      PATH: process.env['PATH'] ?? '',
      PORT: String(port),
      K_SERVICE: service,
      K_REVISION: `${service}-00001-abc`,
      K_CONFIGURATION: service,
    };
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  const port = await listen(probe, 0, 'an instance');
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
