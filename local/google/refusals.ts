/** Refusals that a deploy of functions may meet: each says why, or gives undefined. */
import type { DeployedFunction, Project, Queue } from './project.ts';
import { hasRole } from './project.ts';

type Wanted = Pick<DeployedFunction, 'buildConfig' | 'serviceConfig' | 'eventTrigger'>;
type Service = Wanted['serviceConfig'];

/** https://cloud.google.com/run/docs/configuring/services/cpu, …/memory-limits, …/about-concurrency */
export function functionRefusal(project: Project, id: string, wanted: Wanted): string | undefined {
  if (!/^[a-z]([a-z\d-]{0,61}[a-z\d])?$/i.test(id)) return `Invalid function id ${id}`;
  const { runtime } = wanted.buildConfig;
  if (!['nodejs22', 'nodejs24'].includes(runtime)) return `Runtime ${runtime} is not supported`;
  if (!mayBuild(project)) return `Build failed: ${project.compute} lacks roles/cloudbuild.builds.builder`;
  const { serviceConfig, eventTrigger } = wanted;
  const reason =
    sizeRefusal(project, serviceConfig) ??
    variablesRefusal(serviceConfig) ??
    secretsRefusal(project, serviceConfig);
  if (reason !== undefined) return `Could not create Cloud Run service ${id}. ${reason}`;
  const mostSeconds = eventTrigger === undefined ? 3600 : 540;
  if ((serviceConfig.timeoutSeconds ?? 60) > mostSeconds) return `timeoutSeconds is over ${mostSeconds}`;
  return eventTrigger && triggerRefusal(project, eventTrigger, serviceConfig);
}

/** https://cloud.google.com/build/docs/cloud-build-service-account-updates */
function mayBuild(project: Project): boolean {
  return ['roles/editor', 'roles/owner', 'roles/cloudbuild.builds.builder'].some((role) =>
    hasRole(project, `projects/${project.id}`, role, project.compute),
  );
}

function sizeRefusal({ cpuQuota }: Project, config: Service): string | undefined {
  const cpu = Number(config.availableCpu);
  const memory = mebibytes(config.availableMemory);
  const concurrency = config.maxInstanceRequestConcurrency ?? 1;
  if (![1, 2, 4, 6, 8].includes(cpu) && !(cpu >= 0.08 && cpu < 1)) return `cpu ${cpu} is not allowed`;
  if (cpu < 1 && concurrency > 1) return 'total cpu < 1 is not supported with concurrency > 1.';
  if (!(memory >= 128 && memory <= (cpu <= 1 ? 4096 : 32_768))) return `memory ${memory}Mi with cpu ${cpu}`;
  if (cpu < 0.5 && memory > 512) return 'more than 512Mi needs at least 0.5 cpu';
  if (cpu < 1 && memory > 1024) return 'more than 1Gi needs at least 1 cpu';
  if (concurrency < 1 || concurrency > 1000) return `concurrency ${concurrency}`;
  const most = Math.floor(cpuQuota / cpu);
  if ((config.maxInstanceCount ?? 100) <= most) return undefined;
  return `Invalid value specified for cpu. For the specified value, maxScale may not exceed ${most}.`;
}

function mebibytes(text: string): number {
  const units: Record<string, number> = { Mi: 1, Gi: 1024 };
  return Number.parseFloat(text) * (units[text.slice(-2)] ?? Number.NaN);
}

const reservedNames =
  /^(PORT|K_SERVICE|K_REVISION|K_CONFIGURATION|FUNCTION_NAME|FUNCTION_MEMORY_MB|X_GOOGLE_.*)$/;

/** https://cloud.google.com/functions/docs/configuring/env-var#reserved */
function variablesRefusal({ environmentVariables = {} }: Service): string | undefined {
  const reserved = Object.keys(environmentVariables).find((name) => reservedNames.test(name));
  if (reserved !== undefined) return `The following reserved env names were provided: ${reserved}`;
  const bytes = Buffer.byteLength(JSON.stringify(environmentVariables));
  return bytes > 32_768 ? 'Environment variables are over 32 KiB' : undefined;
}

function secretsRefusal(project: Project, config: Service): string | undefined {
  for (const { key, secret, version } of config.secretEnvironmentVariables ?? []) {
    const versions = project.secrets.get(secret)?.versions.length ?? 0;
    if (!(Number(version) >= 1 && Number(version) <= versions)) {
      return `Secret ${secret}/versions/${version} was not found (${key})`;
    }
    const account = config.serviceAccountEmail ?? project.compute;
    const role = 'roles/secretmanager.secretAccessor';
    if (!hasRole(project, `projects/${project.id}/secrets/${secret}`, role, account)) {
      return `Permission denied on secret: ${secret} for Revision service account ${account}.`;
    }
  }
  return undefined;
}

type Trigger = NonNullable<Wanted['eventTrigger']>;

function triggerRefusal(project: Project, trigger: Trigger, config: Service): string | undefined {
  const { eventType, eventFilters = [], triggerRegion, serviceAccountEmail } = trigger;
  if (!eventType.startsWith('google.cloud.storage.object.v1.'))
    return `Event type ${eventType} is unknown here`;
  const bucket = eventFilters.find(({ attribute }) => attribute === 'bucket')?.value;
  const location = bucket === project.bucket ? project.bucketLocation.toLowerCase() : undefined;
  if (location === undefined) return `Validation failed for trigger: Bucket "${bucket}" not found`;
  if (triggerRegion !== location) {
    return `Bucket "${bucket}" location "${location}" does not match trigger location "${triggerRegion}"`;
  }
  const account = serviceAccountEmail ?? config.serviceAccountEmail ?? project.compute;
  const all = `projects/${project.id}`;
  if (!hasRole(project, all, 'roles/eventarc.eventReceiver', account)) {
    return `Permission "eventarc.events.receiveEvent" denied on ${account}`;
  }
  const agent = `service-${project.number}@gs-project-accounts.iam.gserviceaccount.com`;
  if (hasRole(project, all, 'roles/pubsub.publisher', agent)) return undefined;
  return 'The Cloud Storage service account is unable to publish to Cloud Pub/Sub topics in the project.';
}

/** https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues */
export function queueRefusal({ name, rateLimits = {}, retryConfig = {} }: Queue): string | undefined {
  if (!/\/queues\/[A-Za-z\d-]{1,100}$/.test(name)) return `Invalid queue name ${name}`;
  const { maxDispatchesPerSecond: perSecond = 500, maxConcurrentDispatches: atOnce = 1000 } = rateLimits;
  if (!(perSecond > 0 && perSecond <= 500)) return 'maxDispatchesPerSecond must be at most 500';
  if (!(atOnce > 0 && atOnce <= 5000)) return 'maxConcurrentDispatches must be at most 5000';
  const { maxAttempts = 100, minBackoff = '0s', maxBackoff = '3600s', maxDoublings = 16 } = retryConfig;
  if (!(maxAttempts === -1 || maxAttempts >= 1)) return 'maxAttempts must be -1 or positive';
  if (Number.parseFloat(minBackoff) > Number.parseFloat(maxBackoff)) return 'minBackoff exceeds maxBackoff';
  return maxDoublings >= 0 && maxDoublings <= 16 ? undefined : 'maxDoublings must be at most 16';
}

type Index = Project['indexes'][number];

/** https://firebase.google.com/docs/firestore/quotas#indexes */
export function indexRefusal(
  { indexes }: Project,
  { fields, queryScope }: Omit<Index, 'name'>,
): string | undefined {
  const named = fields.filter(({ fieldPath }) => fieldPath !== '__name__');
  if (named.length < 2) return 'this index is not necessary, configure using single field index controls';
  if (fields.length > 100) return 'An index can have at most 100 fields';
  if (fields.filter(({ arrayConfig }) => arrayConfig).length > 1)
    return 'An index can have only one array field';
  if (!['COLLECTION', 'COLLECTION_GROUP'].includes(queryScope)) return `queryScope ${queryScope}`;
  return indexes.length >= 1000 ? 'too many composite indexes' : undefined;
}

/** https://firebase.google.com/docs/firestore/ttl: one field of a collection group. */
export function fieldRefusal(
  { fields }: Project,
  name: string,
  ttlConfig: object | undefined,
): string | undefined {
  if (fields.size >= 200 && !fields.has(name)) return 'too many field configurations';
  const groupOf = (field: string): string | undefined => field.split('/').at(-3);
  const isTaken = [...fields.values()].some(
    (field) => field.ttlConfig && field.name !== name && groupOf(field.name) === groupOf(name),
  );
  return ttlConfig && isTaken ? `TTL is set on another field of ${groupOf(name)} already` : undefined;
}
