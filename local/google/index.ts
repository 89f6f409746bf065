/**
 * Google's control plane on this machine, as much of it as the Firebase CLI, `setup` and `doctor` call, before the
 * local simulators of Cloud Tasks, Firestore and Cloud Storage. It runs what is deployed to it.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFirestore } from '../firestore/index.ts';
import { startMetadata } from '../metadata/index.ts';
import { OffsetClock } from '../shared/clock.ts';
import { Faults } from '../shared/faults.ts';
import { type StorageEvent, startStorage } from '../storage/index.ts';
import { startTasks } from '../tasks/index.ts';
import { unknownCall } from './apis.ts';
import { makeCertificates } from './certificates.ts';
import { DeployedEvents, runJob } from './events.ts';
import { type Front, startFront } from './front.ts';
import { Instances } from './instances.ts';
import { newProject, type Project, type ProjectOptions, type Queue } from './project.ts';

export type { Project } from './project.ts';
export { readZip } from './zip.ts';

export interface LocalGoogle {
  /** State of the one project that there is; tests set their scenes in it. */
  readonly project: Project;
  /** Variables of a process that meets this Google instead of the real one, logged in to the Firebase CLI. */
  readonly env: Record<string, string>;
  /** Failures of the services that hold the data. */
  readonly faults: Faults;
  /** Calls so far, `METHOD host/path status`. */
  readonly calls: readonly string[];
  /** Calls that nothing here could answer. */
  unknownCalls(): string[];
  /** Address at which this process reaches what is at an address of one of Google's hosts. */
  reach(url: string): string;
  /** Ends the login to the Firebase CLI: its token is too old, and it gets no new one. */
  expireLogin(): void;
  /** Runs a schedule now; the status that its function answered. */
  runJob(id: string): Promise<number>;
  /** Counts the tasks that a queue holds, by its full name. */
  tasksIn(queue: string): number;
  /** Lines that the deployed functions wrote. */
  output(): string;
  close(): Promise<void>;
}

interface GoogleOptions extends ProjectOptions {
  /** Directories of installed packages; a source gets the first that has all that its lock file names. */
  nodeModules: readonly string[];
}

/** Starts it on free ports; everything is in memory and in a temporary directory, which goes with it. */
export async function startGoogle(options: GoogleOptions): Promise<LocalGoogle> {
  const project = newProject(options);
  const dir = mkdtempSync(join(tmpdir(), 'sluice-google-'));
  const closers: (() => Promise<void> | void)[] = [() => rmSync(dir, { recursive: true, force: true })];
  const close = async (): Promise<void> => {
    for (const closeNext of closers.splice(0).reverse()) await closeNext();
  };
  const opened = <T extends { close(): Promise<void> }>(service: T): T => {
    closers.push(() => service.close());
    return service;
  };
  try {
    const certificates = makeCertificates(dir);
    const clock = new OffsetClock();
    const faults = new Faults(clock);
    const service = { clock, faults, port: 0 };
    const firestore = opened(await startFirestore({ ...service, projectId: project.id }));
    const reach = (url: string): string => front.reach(url);
    const events = opened(new DeployedEvents({ project, clock, reach }));
    const onEvent = (event: StorageEvent): void => events.publish(event);
    const storage = opened(await startStorage({ ...service, buckets: [], onEvent }));
    if (project.bucket !== undefined) await makeBucket(storage.port, project.bucket, project.bucketLocation);
    const tasks = opened(await startTasks({ ...service, queues: [], reach }));
    const account = { projectId: project.id, serviceAccount: project.compute };
    const metadata = opened(await startMetadata({ ...service, ...account }));
    const env: Record<string, string> = {
      ...homeOf(dir),
      NODE_OPTIONS: `--require ${JSON.stringify(join(import.meta.dirname, 'hook.cjs'))}`,
      NODE_EXTRA_CA_CERTS: certificates.authorityFile,
      GRPC_DEFAULT_SSL_ROOTS_FILE_PATH: certificates.authorityFile,
    };
    const instanceEnv: Record<string, string> = { ...env, GCE_METADATA_HOST: metadata.host };
    const { nodeModules } = options;
    const instances = opened(new Instances({ project, dir, nodeModules, env: instanceEnv }));
    const calls: string[] = [];
    const front: Front = opened(
      await startFront({
        project,
        certificates,
        instances,
        holder: {
          ensure: (queue) => tasks.ensureQueue(queueConfig(queue)),
          setState: (name, state) => tasks.setRunState(name, state),
          state: (name) => tasks.queueState(name).state,
          purge: (name) => tasks.purge(name),
        },
        grpcPorts: { 'cloudtasks.googleapis.com': tasks.port, 'firestore.googleapis.com': firestore.port },
        storagePort: storage.port,
        onCall: ({ method, host, path }, status, message = '') => {
          calls.push(`${method} ${host}${path} ${status} ${message}`.trimEnd());
        },
      }),
    );
    for (const each of [env, instanceEnv]) each['LOCAL_GOOGLE_PORT'] = String(front.port);
    env['METADATA_SERVER_DETECTION'] = 'none';
    return {
      project,
      env,
      faults,
      calls,
      reach,
      expireLogin: () => {
        project.isLoggedOut = true;
        writeLogin(join(dir, 'home/.config/configstore', loginFile), 0);
      },
      runJob: (id) => runJob(project, id, reach),
      tasksIn: (queue) => tasks.queueState(queue).tasksCount,
      unknownCalls: () => calls.filter((call) => call.includes(unknownCall)),
      output: () => instances.output,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A home that `firebase login` was called in. */
function homeOf(dir: string): Record<string, string> {
  const home = join(dir, 'home');
  const store = join(home, '.config/configstore');
  mkdirSync(store, { recursive: true });
  writeLogin(join(store, loginFile), Date.now() + 3_600_000);
  return { HOME: home, XDG_CONFIG_HOME: join(home, '.config') };
}

const loginFile = 'firebase-tools.json';

function writeLogin(file: string, endMs: number): void {
  const tokens = { refresh_token: 'local', access_token: 'local', expires_at: endMs, scopes: [] };
  const login = { user: { email: 'newcomer@example.com' }, tokens, usage: false };
  writeFileSync(file, JSON.stringify(login));
}

async function makeBucket(port: number, name: string, location: string): Promise<void> {
  const body = JSON.stringify({ name, location });
  const answer = await fetch(`http://127.0.0.1:${port}/storage/v1/b`, { method: 'POST', body });
  if (!answer.ok) throw new Error(`The bucket was not made: ${await answer.text()}`);
}

/** A queue's settings as the functions' manifest has them. */
function queueConfig({ name, rateLimits = {}, retryConfig = {} }: Queue) {
  const { maxAttempts, maxDoublings, minBackoff, maxBackoff } = retryConfig;
  const seconds = (text: string | undefined): number | undefined =>
    text ? Number.parseFloat(text) : undefined;
  const retry = {
    maxAttempts,
    maxDoublings,
    minBackoffSeconds: seconds(minBackoff),
    maxBackoffSeconds: seconds(maxBackoff),
  };
  const given = Object.entries(retry).filter(([, value]) => value !== undefined);
  return { name, rateLimits, retryConfig: Object.fromEntries(given) };
}
