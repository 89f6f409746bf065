import { type Answer, type Call, invalid, notFound, ok, resourceOf } from './call.ts';
import { operation } from './functions.ts';
import type { Named, Project } from './project.ts';
import { fieldRefusal, indexRefusal } from './refusals.ts';

/** https://firebase.google.com/docs/firestore/reference/rest: the database, its indexes and its fields. */
export function firestoreAdmin(project: Project, call: Call): Answer {
  const [, , , , database, part, group = '', kind, field] = call.parts;
  const name = resourceOf(call.path);
  if (project.firestoreLocation === undefined) throw notFound(`The database ${database ?? '(default)'}`);
  const info = {
    name: `projects/${project.id}/databases/(default)`,
    locationId: project.firestoreLocation,
    type: 'FIRESTORE_NATIVE',
    databaseEdition: 'STANDARD',
  };
  if (database === undefined) return ok({ databases: [info] });
  if (part === undefined) return ok(info);
  if (part === 'documents') return ok(project.othersCollections.has(group) ? { documents: [{ name }] } : {});
  if (kind === 'indexes') return indexes(project, call, name);
  if (field === undefined) return pageOf('fields', [...project.fields.values()], call);
  return setField(project, call, name);
}

/** A page of a listing. Nothing says how many are in one where the caller does not. */
function pageOf(kind: string, all: readonly object[], { query }: Call): Answer {
  const [from, size] = [Number(query['pageToken'] ?? 0), Number(query['pageSize'] ?? 100)];
  const next = from + size < all.length ? { nextPageToken: String(from + size) } : {};
  return ok({ [kind]: all.slice(from, from + size), ...next });
}

function indexes(project: Project, call: Call, collection: string): Answer {
  if (call.method === 'GET') return pageOf('indexes', project.indexes, call);
  if (call.method === 'DELETE') {
    project.indexes = project.indexes.filter(({ name }) => name !== collection);
    return ok({});
  }
  const wanted = call.body as Omit<Project['indexes'][number], 'name'>;
  const reason = indexRefusal(project, wanted);
  if (reason !== undefined) throw invalid(reason);
  const order = wanted.fields.findLast((field) => field.order)?.order ?? 'ASCENDING';
  const fields = [...wanted.fields, { fieldPath: '__name__', order }];
  const made = { ...wanted, fields, name: `${collection}/i${project.indexes.length + 1}`, state: 'READY' };
  project.indexes.push(made);
  return operation(project, `projects/${project.id}/databases/(default)`, made);
}

function setField(project: Project, { method, body }: Call, name: string): Answer {
  if (method === 'GET') return ok(project.fields.get(name) ?? { name });
  const wanted = body as Named & { ttlConfig?: object; indexConfig?: object };
  const { ttlConfig } = wanted;
  const reason = fieldRefusal(project, name, ttlConfig);
  if (reason !== undefined) throw invalid(reason);
  const ttl = ttlConfig && { ttlConfig: { state: 'ACTIVE' } };
  const made = { name, indexConfig: { indexes: [], ...wanted.indexConfig }, ...ttl };
  if (Object.keys(wanted).length === 0) project.fields.delete(name);
  else project.fields.set(name, made);
  return operation(project, `projects/${project.id}/databases/(default)`, made);
}

/** https://firebase.google.com/docs/reference/rules/rest */
export function securityRules(project: Project, { method, parts, path, body }: Call): Answer {
  const [, , , kind, id] = parts;
  if (path.endsWith(':test')) return ok({});
  if (kind === 'rulesets') {
    if (method === 'POST') {
      const name = `projects/${project.id}/rulesets/r${project.rulesets.length + 1}`;
      const made = { ...(body as object), name, createTime: new Date().toISOString() };
      project.rulesets.push(made);
      return ok(made);
    }
    if (id === undefined) return ok({ rulesets: project.rulesets });
    const found = project.rulesets.find(({ name }) => name.endsWith(`/${id}`));
    if (found === undefined) throw notFound(id);
    return ok(found);
  }
  if (method === 'GET') return ok({ releases: [...project.releases.values()] });
  const given = body as Named & { release?: Named };
  const release = given.release ?? given;
  if (method === 'PATCH' && !project.releases.has(release.name)) throw notFound('Release');
  const made = { createTime: new Date().toISOString(), ...release };
  project.releases.set(release.name, made);
  return ok(made);
}
