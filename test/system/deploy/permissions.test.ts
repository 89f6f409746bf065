import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { neededGrants } from '../../../scripts/google/roles.ts';

const page = readFileSync(join(import.meta.dirname, '../../../docs/operations.md'), 'utf8');

describe('docs/operations.md', () => {
  it('names each role that setup grants', () => {
    const account = '1-compute@developer.gserviceaccount.com';
    const places = { bucketLocation: 'US-EAST1', firestoreLocation: 'us-east1' };
    const facts = {
      id: 'project-1',
      number: '1',
      account,
      bucket: 'project-1.firebasestorage.app',
      ...places,
    };
    const grants = neededGrants(facts, { region: 'us-east1', queues: ['sluice-flush', 'sluice-expire'] });
    assert.ok(grants.length > 5);
    assert.deepEqual(
      grants.map(({ role }) => role).filter((role) => !page.includes(`\`${role}\``)),
      [],
    );
  });
});
