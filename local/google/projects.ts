import { type Answer, type Call, notFound, ok, Refusal, verbOf } from './call.ts';
import { policyCall } from './policies.ts';
import type { Project } from './project.ts';

/** Google answers alike for a project that there is not, and one that the caller may not see. */
export function checkProject(project: Project, id: string | undefined): void {
  if (id === project.id || id === project.number) return;
  throw new Refusal(403, 'PERMISSION_DENIED', 'The caller does not have permission');
}

/** Refuses a call of a service that was never switched on. */
export function checkEnabled(project: Project, host: string): void {
  if (project.services.has(host)) return;
  const where = `in project ${project.number} before or it is disabled`;
  throw new Refusal(403, 'SERVICE_DISABLED', `${host} has not been used ${where}.`);
}

export function resourceManager(project: Project, call: Call): Answer | undefined {
  const { name, verb } = verbOf(call.path);
  checkProject(project, name.split('/').at(-1));
  if (verb === 'setIamPolicy' && project.denied.has('resourcemanager.projects.setIamPolicy')) {
    throw new Refusal(403, 'PERMISSION_DENIED', 'Permission resourcemanager.projects.setIamPolicy denied');
  }
  if (verb !== undefined) return policyCall(project, `projects/${project.id}`, call);
  const { id, number } = project;
  return ok({ projectId: id, projectNumber: number, lifecycleState: 'ACTIVE', name: id });
}

/** https://firebase.google.com/docs/reference/firebase-management/rest */
export function firebase(project: Project, { parts }: Call): Answer | undefined {
  const [, kind, id, rest] = parts;
  if (kind !== 'projects') return undefined;
  const { bucket: storageBucket } = project;
  const info = {
    projectId: project.id,
    projectNumber: project.number,
    displayName: project.id,
    state: 'ACTIVE',
    name: `projects/${project.id}`,
    resources: { hostingSite: project.id, ...(storageBucket && { storageBucket }) },
  };
  if (id === undefined) return ok({ results: [info] });
  checkProject(project, id);
  if (rest === undefined) return ok(info);
  if (rest === 'adminSdkConfig')
    return ok({ projectId: project.id, ...(storageBucket && { storageBucket }) });
  return ok({ apps: [] });
}

export function serviceUsage(project: Project, { path, parts, body }: Call): Answer {
  const { verb } = verbOf(path);
  checkProject(project, parts[2]);
  const named = verbOf(parts[4] ?? '').name;
  if (verb === 'enable') project.services.add(named);
  if (verb === 'batchEnable') {
    for (const each of (body as { serviceIds: string[] }).serviceIds) project.services.add(each);
  }
  if (verb !== undefined) return ok({ name: `operations/${verb}`, done: true });
  if (parts[5] === 'consumerQuotaMetrics') return quotaMetric(project, `${parts[6]}/${parts[7]}`);
  const state = project.services.has(named) ? 'ENABLED' : 'DISABLED';
  return ok({ name: path.slice(4), state });
}

/** https://cloud.google.com/service-usage/docs/reference/rest/v1beta1/services.consumerQuotaMetrics */
function quotaMetric({ cpuQuota, number }: Project, metric: string): Answer {
  if (metric !== 'run.googleapis.com/cpu_allocation') throw notFound(metric);
  const effectiveLimit = String(cpuQuota * 1000);
  const quotaBuckets = [{ effectiveLimit }, { effectiveLimit, dimensions: { region: 'us-central1' } }];
  const name = `projects/${number}/services/run.googleapis.com/consumerQuotaMetrics/${metric}`;
  return ok({ name, metric, consumerQuotaLimits: [{ unit: '1/{project}/{region}', quotaBuckets }] });
}

export function billing(project: Project): Answer {
  const { isBilled, id: projectId } = project;
  const account = isBilled ? { billingAccountName: 'billingAccounts/1' } : {};
  return ok({ billingEnabled: isBilled, projectId, ...account });
}

/** Cloud Run’s API makes the account of Compute Engine, too. */
export function compute(project: Project): Answer {
  if (!project.services.has('run.googleapis.com')) checkEnabled(project, 'compute.googleapis.com');
  return ok({ defaultServiceAccount: project.compute });
}

export function artifactRegistry(project: Project, { method, parts, body }: Call): Answer {
  const found = project.repositories.get(parts[4] ?? '');
  if (found === undefined) throw notFound('Repository');
  if (method === 'PATCH') Object.assign(found, body);
  return ok(found);
}
