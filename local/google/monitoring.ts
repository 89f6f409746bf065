import { type Answer, type Call, invalid, notFound, ok, Refusal, resourceOf } from './call.ts';
import { type AlertPolicy, type KnownResources, policyRefusal } from './monitoringPolicies.ts';
import { type Dashboard, dashboardRefusal, type LogMetric, logMetricRefusal } from './monitoringResources.ts';
import type { Named, Project } from './project.ts';
import { checkEnabled, checkProject } from './projects.ts';

interface Channel extends Named {
  type: string;
  labels?: Record<string, string>;
  userLabels?: Record<string, string>;
  enabled?: boolean;
}

/** Metrics from logs, alert policies, dashboards and notification channels of a project, by their names. */
interface Monitoring extends KnownResources {
  logMetrics: Map<string, LogMetric>;
  policies: Map<string, AlertPolicy>;
  dashboards: Map<string, Dashboard>;
  channels: Map<string, Channel>;
}

const kept = new WeakMap<Project, Monitoring>();

/** All of a project's; tests set their scenes in it. */
export function monitoringOf(project: Project): Monitoring {
  const found = kept.get(project) ?? {
    logMetrics: new Map(),
    policies: new Map(),
    dashboards: new Map(),
    channels: new Map(),
    isSlow: true,
  };
  kept.set(project, found);
  return found;
}

/** https://cloud.google.com/logging/docs/reference/v2/rest/v2/projects.metrics */
export function cloudLogging(project: Project, call: Call): Answer | undefined {
  const [, , id, kind, ...rest] = call.parts;
  if (kind !== 'metrics') return undefined;
  checkAll(project, call, id, 'logging', 'logging.logMetrics');
  const { logMetrics } = monitoringOf(project);
  const wanted = call.body as LogMetric | undefined;
  const name = call.method === 'POST' ? (wanted?.name ?? '') : rest.join('/');
  const found = logMetrics.get(name);
  if (call.method === 'GET' || call.method === 'DELETE') {
    if (found === undefined) throw notFound(`Metric ${name}`);
    if (call.method === 'DELETE') logMetrics.delete(name);
    return ok(found);
  }
  if (call.method === 'POST' && found) throw new Refusal(409, 'ALREADY_EXISTS', `Metric ${name} exists`);
  if (wanted?.name !== name) throw invalid('The name in the body is not that of the address');
  const reason = logMetricRefusal(wanted, found);
  if (reason !== undefined) throw invalid(reason);
  const made = withoutDefaults(wanted) as LogMetric;
  logMetrics.set(name, made);
  return ok(made);
}

/** https://cloud.google.com/monitoring/api/ref_v3/rest, and …/rest/v1/projects.dashboards */
export function cloudMonitoring(project: Project, call: Call): Answer | undefined {
  const [version, , id, kind = ''] = call.parts;
  const { policies, dashboards, channels } = monitoringOf(project);
  if (version === 'v1' && kind === 'dashboards') {
    checkAll(project, call, id, 'monitoring', 'monitoring.dashboards');
    return resourceCall(project, call, dashboards, {
      refusal: dashboardRefusal,
      change: (found, wanted) => {
        if (wanted.etag !== undefined && wanted.etag !== found.etag)
          throw new Refusal(409, 'ABORTED', 'The etag is of an older version');
        return { ...wanted, name: found.name };
      },
    });
  }
  if (version !== 'v3') return undefined;
  if (kind === 'notificationChannels') {
    checkAll(project, call, id, 'monitoring', 'monitoring.notificationChannels');
    const refusal = ({ type, labels }: Channel): string | undefined => {
      if (type !== 'email') return `Channel type ${type} is unknown here`;
      return /^\S+@\S+\.\S+$/.test(labels?.['email_address'] ?? '')
        ? undefined
        : 'email_address is no address';
    };
    return resourceCall(project, call, channels, { refusal, change: changedBy(call) });
  }
  if (kind === 'alertPolicies') {
    checkAll(project, call, id, 'monitoring', 'monitoring.alertPolicies');
    const refusal = (policy: AlertPolicy): string | undefined => policyRefusal(policy, monitoringOf(project));
    return resourceCall(project, call, policies, { refusal, change: changedBy(call) }, namedConditions);
  }
  return undefined;
}

interface Rules<Resource> {
  /** The reason for which a whole resource is refused. */
  refusal(resource: Resource): string | undefined;
  /** The resource as a PATCH makes it. */
  change(found: Resource, wanted: Resource): Resource;
}

const pageSize = 2;

function resourceCall<Resource extends Named>(
  project: Project,
  { method, path, query, body, parts }: Call,
  all: Map<string, Resource>,
  { refusal, change }: Rules<Resource>,
  finish: (resource: Resource) => Resource = (resource) => resource,
): Answer {
  const kind = parts[3] ?? '';
  const name = resourceOf(path);
  const isOfAll = parts.length === 4;
  if (method === 'GET' && isOfAll) {
    const start = Number(query['pageToken'] ?? 0);
    const page = [...all.values()].slice(start, start + pageSize);
    const isLast = start + pageSize >= all.size;
    return ok({ [kind]: page, ...(isLast ? {} : { nextPageToken: String(start + pageSize) }) });
  }
  const found = all.get(name);
  if (!isOfAll && found === undefined) throw notFound(name);
  if (method === 'GET') return ok(found ?? {});
  if (method === 'DELETE') {
    all.delete(name);
    return ok({});
  }
  const wanted = body as Resource;
  if (found === undefined && kind !== 'dashboards' && wanted.name !== undefined)
    throw invalid('name must not be set by who makes it');
  const made = found ? change(found, wanted) : { ...wanted, name: newName(project, kind, all.size) };
  const reason = refusal(made);
  if (reason?.startsWith('Cannot find metric')) throw new Refusal(404, 'NOT_FOUND', reason);
  if (reason !== undefined) throw invalid(reason);
  const finished = { ...finish(withoutDefaults(made) as Resource), etag: `e${all.size}-${Math.random()}` };
  all.set(finished.name, finished);
  return ok(finished);
}

function newName({ id }: Project, kind: string, count: number): string {
  return `projects/${id}/${kind}/${1000 + count}`;
}

/** A PATCH with a mask changes what the mask names, whether the body has it or not. */
function changedBy<Resource extends Named>(call: Call): (found: Resource, wanted: Resource) => Resource {
  return (found, wanted) => {
    const mask = call.query['updateMask'];
    if (mask === undefined) return { ...wanted, name: found.name };
    const changed = { ...found } as Record<string, unknown>;
    for (const path of mask.split(',')) {
      if (!/^[a-zA-Z]+$/.test(path)) throw invalid(`updateMask names ${path}`);
      changed[path] = (wanted as unknown as Record<string, unknown>)[path];
    }
    return changed as unknown as Resource;
  };
}

/** Each condition has a name, and keeps it where the caller says which it is. */
function namedConditions(policy: AlertPolicy): AlertPolicy {
  const conditions = policy.conditions?.map((condition, index) => ({
    ...condition,
    name: condition.name ?? `${policy.name}/conditions/${index}-${Math.random().toString(36).slice(2)}`,
  }));
  return { ...policy, ...(conditions && { conditions }) };
}

/** JSON of a protocol buffer leaves out what has its default value; `enabled` is a wrapper, which is there or not. */
function withoutDefaults(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDefaults);
  if (typeof value !== 'object' || value === null) return value;
  const set = Object.entries(value)
    .map(([name, one]) => [name, withoutDefaults(one)] as const)
    .filter(([name, one]) => name === 'enabled' || !(one === undefined || isDefault(one)));
  return Object.fromEntries(set);
}

function isDefault(value: unknown): boolean {
  return value === 0 || value === '' || value === false || (Array.isArray(value) && value.length === 0);
}

const verbs: Readonly<Record<string, string>> = { GET: 'get', POST: 'create', DELETE: 'delete' };

function checkAll(
  project: Project,
  call: Call,
  id: string | undefined,
  api: string,
  permissions: string,
): void {
  checkProject(project, id);
  checkEnabled(project, `${api}.googleapis.com`);
  const permission = `${permissions}.${verbs[call.method] ?? 'update'}`;
  if (!project.denied.has(permission)) return;
  throw new Refusal(403, 'PERMISSION_DENIED', `Permission ${permission} denied on projects/${id}`);
}
