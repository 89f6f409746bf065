import assert from 'node:assert/strict';
import { type LocalGoogle, startGoogle } from '../../../local/google/index.ts';
import { foreignFields } from '../../../scripts/deploy/foreignFields.ts';
import { readWantedIndexes } from '../../../scripts/google/declared.ts';
import { GoogleApi } from '../../../scripts/google/googleApi.ts';

describe("a project's own settings of fields", () => {
  let google: LocalGoogle;

  before(async () => {
    google = await startGoogle({ nodeModules: [], accountRoles: [] });
  });
  after(() => google.close());

  it('are found in a project that has many', async () => {
    const { project } = google;
    const set = (group: string, path: string): void => {
      const name = `projects/${project.id}/databases/(default)/collectionGroups/${group}/fields/${path}`;
      const indexes = [{ fields: [{ order: 'ASCENDING' }] }];
      project.fields.set(name, { name, indexConfig: { indexes } });
    };
    for (let index = 0; index < 200; index += 1) set('theirs', `field_${index}`);
    set('files', 'size');
    const api = new GoogleApi(async () => 'token', google.reach);
    const { replaced } = await foreignFields(api, project.id, readWantedIndexes());
    assert.deepEqual(replaced, ['the settings of the field files.size']);
  });
});
