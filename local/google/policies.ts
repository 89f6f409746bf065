import { type Answer, type Call, notFound, ok, verbOf } from './call.ts';
import type { Policy, Project } from './project.ts';

/** Answers the calls that every resource has for its policy; undefined for other verbs. */
export function policyCall(project: Project, resource: string, call: Call): Answer | undefined {
  const { verb } = verbOf(call.path);
  const policy = project.policies.get(resource) ?? { version: 1, etag: 'e0', bindings: [] };
  switch (verb) {
    case 'getIamPolicy':
      return ok(policy);
    case 'setIamPolicy':
      return ok(setPolicy(project, resource, (call.body as { policy: Policy }).policy));
    case 'testIamPermissions': {
      const { permissions } = call.body as { permissions: string[] };
      return ok({ permissions: permissions.filter((each) => !project.denied.has(each)) });
    }
    default:
      return undefined;
  }
}

export function setPolicy(project: Project, resource: string, policy: Policy): Policy {
  const made = { ...policy, bindings: policy.bindings ?? [], etag: `e${project.policies.size}${Date.now()}` };
  project.policies.set(resource, made);
  return made;
}

/** https://cloud.google.com/iam/docs/reference/rest: accounts, which have policies, too. */
export function iam(project: Project, call: Call): Answer {
  const { name } = verbOf(call.path);
  const account = name.split('/').at(-1) ?? '';
  const answer = policyCall(project, `projects/${project.id}/serviceAccounts/${account}`, call);
  if (answer === undefined) throw notFound(call.path);
  return answer;
}
