import { isDeepStrictEqual } from 'node:util';
import type { Declared } from '../google/declared.ts';
import { harmfulRules, type LifecycleRule, missingRules } from '../setup/setupSteps.ts';
import { allOf, type Finding, wrong } from './finding.ts';
import { type Place, setupOf } from './place.ts';

export async function lifecycle(place: Place): Promise<Finding> {
  const url = `https://storage.googleapis.com/storage/v1/b/${place.facts.bucket}`;
  const bucket = await place.api.get<{ lifecycle?: { rule?: LifecycleRule[] } }>(url);
  const rules = bucket?.lifecycle?.rule ?? [];
  const check = 'bucket’s lifecycle';
  const harmful = harmfulRules(rules);
  if (harmful.length > 0) {
    const detail = harmful.map((rule) => `deletes what Sluice needs: ${JSON.stringify(rule)}`).join('; ');
    const { bucket: name } = place.facts;
    const others = JSON.stringify({ rule: rules.filter((rule) => !harmful.includes(rule)) });
    const update = `gcloud storage buckets update gs://${name} --lifecycle-file=/dev/stdin <<< '${others}'`;
    return wrong(check, detail, update);
  }
  const missing = missingRules(rules).map((rule) => `missing: ${JSON.stringify(rule)}`);
  return allOf(check, missing, 2, setupOf(place));
}

interface Index {
  name: string;
  state: string;
  queryScope: string;
  fields: WantedIndex['fields'];
}

type WantedIndex = Declared['wantedIndexes']['indexes'][number];

export async function indexes(place: Place): Promise<Finding> {
  const { wantedIndexes } = place.declared;
  const database = `https://firestore.googleapis.com/v1/projects/${place.facts.id}/databases/(default)`;
  const all = await place.api.list<Index>(`${database}/collectionGroups/-/indexes`, 'indexes');
  const ready = all.filter(({ state }) => state === 'READY');
  const missing = wantedIndexes.indexes
    .filter((wanted) => !ready.some((index) => isIndex(index, wanted)))
    .map(
      (wanted) =>
        `not ready: ${wanted.collectionGroup} by ${wanted.fields.map((f) => f.fieldPath).join(', ')}`,
    );
  for (const { collectionGroup, fieldPath } of wantedIndexes.fieldOverrides.filter(({ ttl }) => ttl)) {
    const field = await place.api.get<{ ttlConfig?: { state: string } }>(
      `${database}/collectionGroups/${collectionGroup}/fields/${fieldPath}`,
    );
    if (field?.ttlConfig?.state !== 'ACTIVE') missing.push(`TTL is not on: ${collectionGroup}.${fieldPath}`);
  }
  const deploy = `npx firebase deploy --project ${place.facts.id} --only firestore:indexes`;
  return allOf('indexes and TTL', missing, wantedIndexes.indexes.length, `wait some minutes, or ${deploy}`);
}

/** The service adds the document’s name to an index’s fields. */
function isIndex({ name, queryScope, fields }: Index, wanted: WantedIndex): boolean {
  const paths = fields.filter(({ fieldPath }) => fieldPath !== '__name__');
  return (
    name.includes(`/collectionGroups/${wanted.collectionGroup}/`) &&
    queryScope === wanted.queryScope &&
    isDeepStrictEqual(paths.map(formOf), wanted.fields.map(formOf))
  );
}

function formOf(field: WantedIndex['fields'][number]): string {
  return `${field.fieldPath} ${field.order ?? field.arrayConfig ?? ''}`;
}
