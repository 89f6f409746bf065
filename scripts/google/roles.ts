import { type GoogleApi, GoogleError } from './googleApi.ts';
import type { ProjectFacts } from './projectFacts.ts';

/** A role that the functions’ account needs on a resource: docs/operations.md says what for. */
interface Grant {
  role: string;
  /** As people call it. */
  on: string;
  /** Address of its policy: without the verb, or of the policy itself for a bucket. */
  url: string;
  /** Roles of the account that have it within, so that nothing is granted. */
  within?: readonly string[];
  /** The command with which somebody else grants it. */
  command: string;
}

interface Policy {
  etag?: string;
  version?: number;
  bindings?: { role: string; members: string[]; condition?: object }[];
}

interface GrantOptions {
  region: string;
  queues: readonly string[];
}

/** Roles that the functions’ account needs, each on as little as can be. */
export function neededGrants(facts: ProjectFacts, { region, queues }: GrantOptions): Grant[] {
  const { id, account, bucket } = facts;
  const member = `--member=serviceAccount:${account}`;
  const onProject = (role: string, within?: readonly string[]): Grant => ({
    role,
    on: `project ${id}`,
    url: `https://cloudresourcemanager.googleapis.com/v1/projects/${id}`,
    ...(within && { within }),
    command: `gcloud projects add-iam-policy-binding ${id} ${member} --role=${role}`,
  });
  const onAccount = (role: string): Grant => ({
    role,
    on: 'itself',
    url: `https://iam.googleapis.com/v1/projects/${id}/serviceAccounts/${account}`,
    command: `gcloud iam service-accounts add-iam-policy-binding ${account} --project=${id} ${member} --role=${role}`,
  });
  const onQueue = (queue: string, role: string): Grant => ({
    role,
    on: `queue ${queue}`,
    url: `https://cloudtasks.googleapis.com/v2/projects/${id}/locations/${region}/queues/${queue}`,
    command:
      `gcloud tasks queues add-iam-policy-binding ${queue} --project=${id} --location=${region} ` +
      `${member} --role=${role}`,
  });
  const ofFlush = ['viewer', 'queueAdmin', 'taskRunner'];
  return [
    onProject('roles/datastore.user'),
    onProject('roles/cloudbuild.builds.builder', ['roles/editor', 'roles/owner']),
    {
      role: 'roles/storage.objectAdmin',
      on: `bucket ${bucket}`,
      url: `https://storage.googleapis.com/storage/v1/b/${bucket}/iam`,
      command: `gcloud storage buckets add-iam-policy-binding gs://${bucket} ${member} --role=roles/storage.objectAdmin`,
    },
    onAccount('roles/iam.serviceAccountUser'),
    onAccount('roles/iam.serviceAccountTokenCreator'),
    ...queues.map((queue) => onQueue(queue, 'roles/cloudtasks.enqueuer')),
    ...queues
      .filter((queue) => queue.endsWith('flush'))
      .flatMap((queue) => ofFlush.map((name) => onQueue(queue, `roles/cloudtasks.${name}`))),
  ];
}

interface Granting {
  isDryRun: boolean;
  say: (line: string) => void;
}

/**
 * Grants what is missing, each shown before; with `isDryRun` only shows it. Resources that there are not yet, queues
 * before the first deploy, wait for the next time. Returns the grants that whoever runs this may not make.
 */
export async function grantMissing(
  api: GoogleApi,
  account: string,
  grants: readonly Grant[],
  { isDryRun, say }: Granting,
): Promise<Grant[]> {
  const member = `serviceAccount:${account}`;
  const refused: Grant[] = [];
  for (const [url, wanted] of Map.groupBy(grants, (grant) => grant.url)) {
    try {
      const policy = await readPolicy(api, url);
      if (policy === undefined) continue;
      const missing = wanted.filter(
        ({ role, within = [] }) => ![role, ...within].some((each) => holds(policy, each, member)),
      );
      for (const { role, on } of missing)
        say(`${isDryRun ? 'Would grant' : 'Granting'} ${role} on ${on} to ${account}`);
      if (missing.length > 0 && !isDryRun) await writePolicy(api, url, withRoles(policy, missing, member));
    } catch (error) {
      if (!(error instanceof GoogleError) || error.status !== 403) throw error;
      refused.push(...wanted);
    }
  }
  return refused;
}

function holds({ bindings = [] }: Policy, role: string, member: string): boolean {
  return bindings.some((each) => each.role === role && !each.condition && each.members.includes(member));
}

function withRoles(policy: Policy, grants: readonly Grant[], member: string): Policy {
  const added = grants.map(({ role }) => ({ role, members: [member] }));
  return { ...policy, bindings: [...(policy.bindings ?? []), ...added] };
}

const isBucket = (url: string): boolean => url.endsWith('/iam');

/** Undefined where the resource does not exist. Version 3 is what keeps others’ conditions. */
async function readPolicy(api: GoogleApi, url: string): Promise<Policy | undefined> {
  const version = 3;
  if (isBucket(url)) return api.get<Policy>(`${url}?optionsRequestedPolicyVersion=${version}`);
  // Service accounts and queues take the version differently; none of them has conditions of this tool's.
  const body = url.includes('cloudresourcemanager') ? { options: { requestedPolicyVersion: version } } : {};
  try {
    return await api.call<Policy>('POST', `${url}:getIamPolicy`, body);
  } catch (error) {
    if (error instanceof GoogleError && (error.status === 404 || error.reason === 'SERVICE_DISABLED'))
      return undefined;
    throw error;
  }
}

/** The etag makes it fail where another change came between. */
async function writePolicy(api: GoogleApi, url: string, policy: Policy): Promise<void> {
  if (isBucket(url)) await api.call('PUT', url, policy);
  else await api.call('POST', `${url}:setIamPolicy`, { policy });
}
