import { type Answer, type Call, invalid, notFound, ok, Refusal, resourceOf } from './call.ts';
import { policyCall } from './policies.ts';
import type { DeployedFunction, Project } from './project.ts';
import { checkEnabled, checkProject } from './projects.ts';
import { functionRefusal } from './refusals.ts';

/** https://cloud.google.com/functions/docs/reference/rest; there are no functions of the first generation. */
export function cloudFunctions(project: Project, call: Call): Answer {
  checkEnabled(project, 'cloudfunctions.googleapis.com');
  const [version, , id, , region = '', kind = '', name] = call.parts;
  checkProject(project, id);
  const resource = resourceOf(call.path);
  if (kind === 'operations') return ok(project.operations.get(resource) ?? {});
  if (kind.endsWith(':generateUploadUrl')) return uploadAddress(project, region);
  if (call.method === 'GET' && name === undefined) {
    return ok({ functions: version === 'v2' ? [...project.functions.values()] : [] });
  }
  const place = `projects/${project.id}/locations/${region}`;
  if (call.method === 'GET' || call.method === 'DELETE') {
    const found = project.functions.get(resource);
    if (found === undefined) throw notFound(resource);
    if (call.method === 'GET') return ok(found);
    project.functions.delete(resource);
    return operation(project, place, {});
  }
  const made = makeFunction(project, region, call.body as DeployedFunction);
  return operation(project, place, {
    ...made,
    '@type': 'type.googleapis.com/google.cloud.functions.v2.Function',
  });
}

function uploadAddress(project: Project, region: string): Answer {
  const bucket = `gcf-v2-uploads-${project.number}.${region}.cloudfunctions.appspot.com`;
  const object = `${project.uploads.size + 1}.zip`;
  const uploadUrl = `https://storage.googleapis.com/${bucket}/${object}?Signature=local`;
  return ok({ uploadUrl, storageSource: { bucket, object } });
}

function makeFunction(project: Project, region: string, wanted: DeployedFunction): DeployedFunction {
  const id = wanted.name.split('/').at(-1) ?? '';
  const stored = project.refusals.get(id);
  project.refusals.delete(id);
  if (stored !== undefined) throw new Refusal(stored.status, stored.code, stored.message);
  const reason = functionRefusal(project, id, wanted);
  if (reason !== undefined) throw invalid(reason);
  const service = `projects/${project.id}/locations/${region}/services/${id.toLowerCase()}`;
  const made = {
    ...wanted,
    environment: 'GEN_2',
    state: 'ACTIVE',
    url: `https://${region}-${project.id}.cloudfunctions.net/${id}`,
    updateTime: new Date().toISOString(),
    serviceConfig: {
      ...wanted.serviceConfig,
      serviceAccountEmail: wanted.serviceConfig.serviceAccountEmail ?? project.compute,
      ingressSettings: 'ALLOW_ALL',
      service,
      uri: `https://${id.toLowerCase()}-abcdefghij-uc.a.run.app`,
    },
  };
  project.functions.set(wanted.name, made);
  const repository = `projects/${project.id}/locations/${region}/repositories/gcf-artifacts`;
  if (!project.repositories.has(region)) project.repositories.set(region, { name: repository });
  return made;
}

/** An operation that is over by the time it is asked for. */
export function operation(project: Project, place: string, response: object): Answer {
  const name = `${place}/operations/op-${project.operations.size + 1}`;
  project.operations.set(name, { name, done: true, response });
  return ok({ name, done: false });
}

export function cloudRun(project: Project, call: Call): Answer {
  const name = resourceOf(call.path).replace(/:\w+$/, '');
  return policyCall(project, name, call) ?? ok({ name });
}
