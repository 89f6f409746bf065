import type { RunState } from '../tasks/queue.ts';

/** A Firebase project, as much of it as a deploy writes and reads back. */

export interface Policy {
  version?: number;
  etag: string;
  bindings: { role: string; members: string[] }[];
}

export interface DeployedFunction {
  name: string;
  labels?: Record<string, string>;
  environment: string;
  state?: string;
  url: string;
  buildConfig: { runtime: string; entryPoint: string; source?: { storageSource?: { object: string } } };
  serviceConfig: {
    service: string;
    uri: string;
    serviceAccountEmail: string;
    availableCpu: string;
    availableMemory: string;
    maxInstanceCount?: number;
    maxInstanceRequestConcurrency?: number;
    timeoutSeconds?: number;
    environmentVariables?: Record<string, string>;
    secretEnvironmentVariables?: { key: string; secret: string; version: string }[];
  };
  eventTrigger?: {
    eventType: string;
    triggerRegion: string;
    retryPolicy?: string;
    serviceAccountEmail?: string;
    eventFilters?: { attribute: string; value: string }[];
  };
}

export interface Queue {
  name: string;
  state?: RunState;
  rateLimits?: { maxDispatchesPerSecond?: number; maxConcurrentDispatches?: number };
  retryConfig?: { maxAttempts?: number; minBackoff?: string; maxBackoff?: string; maxDoublings?: number };
}

export interface Secret {
  name: string;
  labels?: object;
  replication?: object;
  versions: string[];
  /** Versions, by number, that were switched off. */
  disabled?: Set<number>;
}

export interface HostingVersion {
  /** Paths of its files. */
  files?: string[];
  name: string;
  config?: { rewrites?: { glob?: string; run?: { serviceId: string; region: string } }[] };
}

export interface Named {
  name: string;
}

/** A schedule; `status` has the code of its last run where that failed. */
export interface Job extends Named {
  state?: string;
  httpTarget?: { uri: string };
  status?: { code: number };
  lastAttemptTime?: string;
}

export interface Project {
  id: string;
  number: string;
  /** The account that functions run as. */
  compute: string;
  /** Undefined where Storage was never set up. */
  bucket: string | undefined;
  bucketLocation: string;
  /** vCPUs that instances of one function may have in a region. */
  cpuQuota: number;
  isBilled: boolean;
  firestoreLocation: string | undefined;
  services: Set<string>;
  /** Permissions that whoever deploys does not have. */
  denied: Set<string>;
  /** APIs, without `.googleapis.com`, of which whoever calls may see nothing. */
  unseen: Set<string>;
  /** True once whoever deploys has to log in again. */
  isLoggedOut: boolean;
  policies: Map<string, Policy>;
  functions: Map<string, DeployedFunction>;
  queues: Map<string, Queue>;
  jobs: Map<string, Job>;
  secrets: Map<string, Secret>;
  indexes: (Named & {
    fields: { fieldPath: string; order?: string; arrayConfig?: string }[];
    queryScope: string;
  })[];
  /** Collections in which somebody else has documents. */
  othersCollections: Set<string>;
  fields: Map<string, Named & { ttlConfig?: object; indexConfig?: object }>;
  rulesets: (Named & { source?: object })[];
  releases: Map<string, Named & { rulesetName?: string }>;
  versions: HostingVersion[];
  /** Names of the versions that were released, in turn. */
  hostingReleases: string[];
  repositories: Map<string, Named>;
  operations: Map<string, object>;
  /** Uploaded sources, by the name of their object. */
  uploads: Map<string, Buffer>;
  /** Refusals that the making of functions, by their ids, meets once each. */
  refusals: Map<string, { status: number; code: string; message: string }>;
}

export interface ProjectOptions {
  projectId?: string;
  /** `null`: Storage was never set up. */
  bucket?: string | null;
  bucketLocation?: string;
  cpuQuota?: number;
  /** Roles that the functions' account has from the beginning. */
  accountRoles?: string[];
  isBilled?: boolean;
  /** `null`: there is no database. */
  firestoreLocation?: string | null;
}

const servicesOfNewcomers = [
  'cloudbilling',
  'cloudresourcemanager',
  'firebase',
  'firebasehosting',
  'firebaserules',
  'firebasestorage',
  'firestore',
  'identitytoolkit',
  'logging',
  'monitoring',
  'pubsub',
  'runtimeconfig',
  'serviceusage',
  'storage',
  'storage-api',
];

/** A project as the console leaves it: on the Blaze plan, with Firestore, Storage and Hosting, and nothing deployed. */
export function newProject(options: ProjectOptions = {}): Project {
  const { projectId: id = 'rehearsed-1', cpuQuota = 10, isBilled = true } = options;
  const { accountRoles = ['roles/editor'], bucket = `${id}.firebasestorage.app` } = options;
  const number = '123456789012';
  const compute = `${number}-compute@developer.gserviceaccount.com`;
  const bindings = [
    { role: 'roles/owner', members: ['user:newcomer@example.com'] },
    ...accountRoles.map((role) => ({ role, members: [`serviceAccount:${compute}`] })),
  ];
  return {
    id,
    number,
    compute,
    bucket: bucket ?? undefined,
    bucketLocation: options.bucketLocation ?? 'US-CENTRAL1',
    cpuQuota,
    isBilled,
    firestoreLocation: options.firestoreLocation === null ? undefined : (options.firestoreLocation ?? 'nam5'),
    services: new Set(servicesOfNewcomers.map((name) => `${name}.googleapis.com`)),
    denied: new Set(),
    unseen: new Set(),
    isLoggedOut: false,
    policies: new Map([[`projects/${id}`, { version: 1, etag: 'e0', bindings }]]),
    functions: new Map(),
    queues: new Map(),
    jobs: new Map(),
    secrets: new Map(),
    indexes: [],
    othersCollections: new Set(),
    fields: new Map(),
    rulesets: [],
    releases: new Map(),
    versions: [],
    hostingReleases: [],
    repositories: new Map(),
    operations: new Map(),
    uploads: new Map(),
    refusals: new Map(),
  };
}

/** True where the account has the role on the resource itself. */
export function hasRole(project: Project, resource: string, role: string, account: string): boolean {
  const bindings = project.policies.get(resource)?.bindings ?? [];
  return bindings.some((each) => each.role === role && each.members.includes(`serviceAccount:${account}`));
}
