import { isDeepStrictEqual } from 'node:util';
import type { WantedIndexes } from '../google/declared.ts';
import type { GoogleApi } from '../google/googleApi.ts';

interface Field {
  name: string;
  ttlConfig?: object;
  indexConfig?: { indexes?: { fields: { order?: string; arrayConfig?: string }[] }[] };
}

/** Fields' settings that a deploy of indexes meets in a project. */
interface Met {
  /** Settings of others that it overwrites: the Firebase CLI asks nobody. */
  replaced: string[];
  /** Fields by which others' documents end, so that Sluice's cannot: a collection has one such field. */
  inTheWay: string[];
}

/**
 * Compares the project's own settings of fields with those that a deploy makes; indexes and settings that it does not
 * name stay (firebase-tools, `firestore/api`; https://firebase.google.com/docs/firestore/ttl).
 */
export async function foreignFields(api: GoogleApi, projectId: string, wanted: WantedIndexes): Promise<Met> {
  const database = `https://firestore.googleapis.com/v1/projects/${projectId}/databases/(default)`;
  const filter = encodeURIComponent('indexConfig.usesAncestorConfig=false OR ttlConfig:*');
  const fields = await api.list<Field>(`${database}/collectionGroups/-/fields?filter=${filter}`, 'fields');
  const met: Met = { replaced: [], inTheWay: [] };
  for (const field of fields) {
    const [group = '', , path = ''] = field.name.split('/').slice(-3);
    if (group === '__default__') continue;
    const ofGroup = wanted.fieldOverrides.filter(({ collectionGroup }) => collectionGroup === group);
    const own = ofGroup.find(({ fieldPath }) => fieldPath === path);
    if (own !== undefined && !isSame(field, own))
      met.replaced.push(`the settings of the field ${group}.${path}`);
    if (field.ttlConfig && own === undefined && ofGroup.some(({ ttl }) => ttl))
      met.inTheWay.push(`${group}.${path}`);
  }
  const replacesIndexes = new Set(
    wanted.fieldOverrides.filter(({ fieldPath }) => fieldPath === '*').map((own) => own.collectionGroup),
  );
  for (const group of replacesIndexes) {
    const url = `${database}/documents/${group}?pageSize=1&mask.fieldPaths=_sluice`;
    const found = await api.get<{ documents?: { fields?: object }[] }>(url);
    if (found?.documents?.some(({ fields: own }) => own === undefined))
      met.replaced.push(`the indexes of single fields of the collection ${group}, which has documents`);
  }
  return met;
}

function isSame({ ttlConfig, indexConfig }: Field, own: WantedIndexes['fieldOverrides'][number]): boolean {
  const modes = indexConfig?.indexes?.map(({ fields: [first] }) => first?.order ?? first?.arrayConfig) ?? [];
  const wanted = own.indexes.map(({ order, arrayConfig }) => order ?? arrayConfig);
  return isDeepStrictEqual(modes.sort(), wanted.sort()) && (ttlConfig !== undefined) === (own.ttl === true);
}
