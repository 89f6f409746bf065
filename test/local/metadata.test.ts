import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { GoogleAuth } from 'google-auth-library';
import { type LocalMetadata, startMetadata } from '../../local/metadata/index.ts';
import { OffsetClock } from '../../local/shared/clock.ts';
import { Faults } from '../../local/shared/faults.ts';

describe("The metadata server, through Google's own client", () => {
  const faults = new Faults(new OffsetClock());
  const serviceAccount = 'sluice@demo.iam.gserviceaccount.com';
  let metadata: LocalMetadata;
  const saved = { ...process.env };

  before(async () => {
    metadata = await startMetadata({ port: 0, faults, projectId: 'demo', serviceAccount });
    process.env['GCE_METADATA_HOST'] = metadata.host;
    process.env['METADATA_SERVER_DETECTION'] = 'assume-present';
    // In the cloud the client's requests for metadata have no limit; elsewhere one of 3 s
    // (gcp-metadata, requestTimeout).
    process.env['K_SERVICE'] = 'flush';
    // As at a deploy; without it the client first asks a program of the machine.
    process.env['GCLOUD_PROJECT'] = 'demo';
    delete process.env['GOOGLE_APPLICATION_CREDENTIALS'];
  });
  after(() => {
    process.env = saved;
    return metadata.close();
  });
  afterEach(() => faults.clear());

  it('tells project, account and tokens', async () => {
    const auth = new GoogleAuth();
    const project = await fetch(`http://${metadata.host}/computeMetadata/v1/project/project-id`);
    assert.equal(await project.text(), 'demo');
    assert.equal((await auth.getCredentials()).client_email, serviceAccount);
    assert.equal(await auth.getAccessToken(), 'local');
    const client = await auth.getIdTokenClient('https://flush.invalid');
    assert.match(await client.idTokenProvider.fetchIdToken('https://flush.invalid'), /flush\.invalid/);
  });

  it('fails as a fault says', async () => {
    faults.add({ service: 'metadata', code: 404, rate: 1, forMs: 60_000, phase: 'before' });
    await assert.rejects(new GoogleAuth().getAccessToken());
  });

  it('a token that never comes', async () => {
    const auth = new GoogleAuth();
    await auth.getClient();
    faults.add({ service: 'metadata', hang: true, rate: 1, forMs: 60_000, phase: 'half' });
    let isSettled = false;
    const settled = () => {
      isSettled = true;
    };
    const path = 'instance/service-accounts/default/token';
    const before = metadata.asked.get(path) ?? 0;
    void auth.getAccessToken().then(settled, settled);
    while (metadata.asked.get(path) === before) await nextTurn();
    faults.clear();
    assert.equal(await new GoogleAuth().getAccessToken(), 'local');
    assert.equal(isSettled, false);
  });
});
