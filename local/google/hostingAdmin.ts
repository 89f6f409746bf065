import { createHash } from 'node:crypto';
import { type Answer, type Call, notFound, ok } from './call.ts';
import type { HostingVersion, Project } from './project.ts';

/** https://firebase.google.com/docs/reference/hosting/rest */
export function hostingAdmin(project: Project, { method, path, parts, query, body }: Call): Answer {
  const [, , , , site, kind, id] = parts;
  const own = {
    name: `projects/${project.id}/sites/${project.id}`,
    defaultUrl: `https://${project.id}.web.app`,
    type: 'DEFAULT_SITE',
  };
  if (site === undefined) return ok({ sites: [own] });
  if (site !== project.id) throw notFound('Site');
  if (kind === undefined) return ok(own);
  if (kind === 'channels') {
    if (method === 'GET') return ok({ release: { version: released(project) } });
    project.hostingReleases.push(query['versionName'] ?? '');
    return ok({ name: `${own.name}/releases/${project.hostingReleases.length}` });
  }
  if (kind === 'releases') return ok({ releases: [{ version: released(project) }] });
  if (method === 'POST' && id === undefined) {
    const made = { ...(body as object), name: `sites/${site}/versions/v${project.versions.length + 1}` };
    project.versions.push(made);
    return ok({ ...made, name: `projects/${project.id}/${made.name}` });
  }
  if (path.endsWith(':populateFiles')) {
    const { files } = body as { files: Record<string, string> };
    const filled = project.versions.find(({ name }) => path.endsWith(`${name}:populateFiles`));
    if (filled !== undefined) filled.files = [...(filled.files ?? []), ...Object.keys(files)];
    const uploadUrl = `https://upload-firebasehosting.googleapis.com/upload/sites/${site}/versions/${id}/files`;
    return ok({ uploadUrl, uploadRequiredHashes: Object.values(files) });
  }
  const version = project.versions.find(({ name }) => name.endsWith(`/${id}`));
  if (version === undefined) throw notFound('Version');
  if (method === 'PATCH') {
    const { name: _, ...change } = body as HostingVersion;
    Object.assign(version, change);
  }
  return ok(version);
}

/** The version that the site shows; undefined before its first release. */
export function released({ versions, hostingReleases }: Project): HostingVersion | undefined {
  const id = hostingReleases.at(-1)?.split('/').at(-1);
  return versions.find(({ name }) => name.split('/').at(-1) === id);
}

export function hostingUpload(_: Project, { bytes }: Call): Answer {
  return ok({ sha256: createHash('sha256').update(bytes).digest('hex') });
}
