import { type Answer, type Call, notFound, ok } from './call.ts';
import { setPolicy } from './policies.ts';
import type { Policy, Project } from './project.ts';

/** Sources that the CLI uploads, buckets' policies and accounts; objects and buckets themselves are elsewhere. */
export function storageAdmin(project: Project, { host, method, path, parts, body, bytes }: Call): Answer {
  if (host.startsWith('firebasestorage')) {
    if (project.bucket === undefined) throw notFound('The default bucket');
    const name = `projects/${project.id}/buckets/${project.bucket}`;
    if (path.endsWith('/defaultBucket')) return ok({ bucket: { name }, location: project.bucketLocation });
    return ok({ buckets: [{ name }] });
  }
  if (method === 'PUT' && parts[0]?.startsWith('gcf-')) {
    project.uploads.set(parts[1] ?? '', bytes);
    return { ...ok({}), headers: { 'x-goog-generation': '1' } };
  }
  if (path.endsWith('/serviceAccount')) {
    return ok({ email_address: `service-${project.number}@gs-project-accounts.iam.gserviceaccount.com` });
  }
  const bucket = `b/${parts[3]}`;
  if (parts[3] !== project.bucket) throw notFound(bucket);
  if (method === 'PUT') return ok(setPolicy(project, bucket, body as Policy));
  return ok(project.policies.get(bucket) ?? { etag: 'e0', bindings: [] });
}

/** True for a call of Cloud Storage's host that the simulator of objects and buckets does not answer. */
export function isStorageAdmin(method: string, path: string): boolean {
  return (
    (method === 'PUT' && path.startsWith('/gcf-')) ||
    /^\/storage\/v1\/(projects\/\w+\/serviceAccount|b\/[^/]+\/iam)$/.test(path)
  );
}
