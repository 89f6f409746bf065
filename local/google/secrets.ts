import { type Answer, type Call, notFound, ok, verbOf } from './call.ts';
import { policyCall } from './policies.ts';
import type { Project, Secret } from './project.ts';
import { checkEnabled } from './projects.ts';

/** https://cloud.google.com/secret-manager/docs/reference/rest */
export function secretManager(project: Project, call: Call): Answer {
  checkEnabled(project, 'secretmanager.googleapis.com');
  const [, , , , named, versions, version] = call.parts;
  if (named === undefined)
    return call.method === 'POST' ? create(project, call) : ok({ secrets: all(project) });
  const { verb } = verbOf(call.path);
  const id = verbOf(named).name;
  const secret = project.secrets.get(id);
  if (secret === undefined) throw notFound(`Secret [projects/${project.number}/secrets/${id}]`);
  if (verb === 'addVersion') {
    const { payload } = call.body as { payload: { data: string } };
    secret.versions.push(Buffer.from(payload.data, 'base64').toString());
    return ok(versionOf(secret, secret.versions.length));
  }
  if (version !== undefined) {
    const { name, verb: wanted } = verbOf(version);
    const number = name === 'latest' ? secret.versions.length : Number(name);
    const data = secret.versions[number - 1];
    if (data === undefined) throw notFound('Secret version');
    if (wanted === 'access') return ok({ payload: { data: Buffer.from(data).toString('base64') } });
    return ok(versionOf(secret, number));
  }
  if (versions !== undefined)
    return ok({ versions: secret.versions.map((_, at) => versionOf(secret, at + 1)) });
  return policyCall(project, `projects/${project.id}/secrets/${id}`, call) ?? ok(shown(secret));
}

function create(project: Project, { query, body }: Call): Answer {
  const id = query['secretId'] ?? '';
  const name = `projects/${project.number}/secrets/${id}`;
  const secret = { ...(body as object), name, versions: [] };
  project.secrets.set(id, secret);
  return ok(shown(secret));
}

function all(project: Project): object[] {
  return [...project.secrets.values()].map(shown);
}

function shown({ versions: _, disabled: __, ...secret }: Secret): object {
  return secret;
}

function versionOf({ name, disabled }: Secret, number: number): object {
  const state = disabled?.has(number) ? 'DISABLED' : 'ENABLED';
  return { name: `${name}/versions/${number}`, state, createTime: new Date().toISOString() };
}
