import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { keyDigest } from '../../../functions/src/keys/keyRecord.ts';
import { type LocalGoogle, startGoogle } from '../../../local/google/index.ts';
import { hasRole } from '../../../local/google/project.ts';
import { functionsDir } from '../../support/build.ts';
import { type Checkout, makeCheckout } from '../rehearsal/checkout.ts';

const nodeModules = join(functionsDir, 'node_modules');

describe('setup and predeploy in a Google project', function () {
  this.timeout(120_000);
  let google: LocalGoogle;
  let checkout: Checkout;

  before(async () => {
    google = await startGoogle({ nodeModules: [nodeModules], accountRoles: [], bucketLocation: 'US-EAST1' });
  });
  after(() => google.close());
  beforeEach(() => {
    checkout = makeCheckout();
  });
  afterEach(() => checkout.remove());

  async function setup(...args: string[]): Promise<{ code: number; output: string }> {
    return checkout.run(google.env, 'node', 'scripts/setup.ts', '--project', 'rehearsed-1', ...args);
  }

  async function predeploy(): Promise<{ code: number; output: string }> {
    const env = { ...google.env, GCLOUD_PROJECT: google.project.id };
    return checkout.run(env, 'node', 'scripts/predeployCheck.ts');
  }

  it('shows with --dry-run what it would do, and does nothing', async () => {
    const { code, output } = await setup('--dry-run');
    assert.equal(code, 0, output);
    assert.match(output, /Region us-east1: the bucket .* is in US-EAST1/);
    assert.match(output, /Would grant roles\/storage\.objectAdmin on bucket/);
    assert.ok(!existsSync(join(checkout.dir, `functions/.env.${google.project.id}`)));
    assert.deepEqual([...google.project.policies.keys()], [`projects/${google.project.id}`]);
  });

  it('tells a role that only an owner can grant as a command', async () => {
    google.project.denied.add('resourcemanager.projects.setIamPolicy');
    const { code, output } = await setup();
    google.project.denied.clear();
    assert.equal(code, 0, output);
    assert.match(
      output,
      /gcloud projects add-iam-policy-binding \S+ --member=\S+ --role=roles\/datastore\.user/,
    );
  });

  it('grants what is missing once, takes the bucket’s region, and leaves other members alone', async () => {
    const { code, output } = await setup();
    assert.equal(code, 0, output);
    const { id, compute, bucket, policies } = google.project;
    const has = (resource: string, role: string) => hasRole(google.project, resource, role, compute);
    assert.ok(has(`projects/${id}`, 'roles/datastore.user'));
    assert.ok(has(`projects/${id}`, 'roles/cloudbuild.builds.builder'));
    assert.ok(has(`b/${bucket}`, 'roles/storage.objectAdmin'));
    assert.ok(has(`projects/${id}/serviceAccounts/${compute}`, 'roles/iam.serviceAccountTokenCreator'));
    const owners = policies.get(`projects/${id}`)?.bindings.find(({ role }) => role === 'roles/owner');
    assert.deepEqual(owners?.members, ['user:newcomer@example.com']);
    assert.match(readFileSync(join(checkout.dir, `functions/.env.${id}`), 'utf8'), /^REGION=us-east1$/m);
    assert.doesNotMatch((await setup()).output, /Granting/);
  });

  it('refuses a region in which the bucket is not heard, and says what to set', async () => {
    const file = join(checkout.dir, `functions/.env.${google.project.id}`);
    await checkout.run({}, 'sh', '-c', `echo REGION=europe-west1 > ${file}`);
    const { code, output } = await setup();
    assert.equal(code, 1);
    assert.match(output, /Set REGION=us-east1 in .*, as the bucket .* is in US-EAST1/);
  });

  it('says in a line what a project lacks', async () => {
    const { project } = google;
    const given = { ...project };
    const expects = async (change: object, message: RegExp, ...args: string[]): Promise<void> => {
      Object.assign(project, change);
      const { code, output } = await setup(...args);
      Object.assign(project, given);
      assert.equal(code, 1, output);
      assert.match(output, message);
    };
    await expects({ id: 'another' }, /There is no Firebase project rehearsed-1, .*projects:list/);
    await expects({ isBilled: false }, /Blaze plan, .*usage\/details/);
    await expects({ bucket: undefined }, /Storage is not set up: .*\/storage/);
    await expects({ firestoreLocation: undefined }, /no Firestore database .*\/firestore/);
    await expects({}, /There is no bucket nobodys: --bucket names another/, '--bucket', 'nobodys');
  });

  it('stops before it replaces a site or rules that somebody uses, unless told to', async () => {
    const { project } = google;
    const deploy = () => checkout.run(google.env, 'node', 'scripts/deploy.ts', '--project', 'rehearsed-1');
    project.versions.push({ name: 'sites/rehearsed-1/versions/v1' });
    project.hostingReleases.push('sites/rehearsed-1/versions/v1');
    const content = 'match /posts/{id} { allow read: if true; } match /x/{y} { allow write: if false; }';
    project.rulesets.push({ name: 'projects/rehearsed-1/rulesets/theirs', source: { files: [{ content }] } });
    const release = 'projects/rehearsed-1/releases/cloud.firestore';
    project.releases.set(release, { name: release, rulesetName: 'projects/rehearsed-1/rulesets/theirs' });
    const before = google.calls.length;
    const { code, output } = await deploy();
    const changing = google.calls.slice(before).filter((call) => !call.startsWith('GET'));
    assert.equal(code, 1, output);
    assert.match(output, /the rules cloud\.firestore, which let clients in; the Hosting site .*--replace/s);
    assert.deepEqual(changing, []);
  });

  it('stops before it replaces settings of fields or indexes that somebody uses, and where a TTL is in the way', async () => {
    const { project } = google;
    const given = { ...project, versions: [...project.versions], releases: new Map(project.releases) };
    Object.assign(project, { hostingReleases: [], releases: new Map() });
    const deploy = (...args: string[]) =>
      checkout.run(google.env, 'node', 'scripts/deploy.ts', '--project', 'rehearsed-1', ...args);
    const field = (group: string, path: string) =>
      `projects/${project.id}/databases/(default)/collectionGroups/${group}/fields/${path}`;
    const setField = (name: string, config: object) => project.fields.set(name, { name, ...config });
    const before = google.calls.length;
    setField(field('theirs', 'a'), { indexConfig: { indexes: [] } });
    setField(field('files', 'size'), { indexConfig: { indexes: [{ fields: [{ order: 'ASCENDING' }] }] } });
    setField(field('files', 'md5'), { indexConfig: { indexes: [] } });
    project.othersCollections.add('tasks');
    const { code, output } = await deploy();
    assert.equal(code, 1, output);
    assert.match(
      output,
      /replaces: the settings of the field files\.size; the indexes of single fields of the collection tasks, which/,
    );
    setField(field('tasks', 'old_at'), { ttlConfig: { state: 'ACTIVE' } });
    const inTheWay = await deploy('--replace');
    assert.equal(inTheWay.code, 1, inTheWay.output);
    assert.match(inTheWay.output, /here that is tasks\.old_at \(TTL\)/);
    const changing = google.calls.slice(before).filter((call) => !call.startsWith('GET'));
    Object.assign(project, given, { fields: new Map(), othersCollections: new Set() });
    assert.deepEqual(changing, []);
  });

  it('shows new keys though the deploy fails: the project has only their digests', async () => {
    const { project } = google;
    const name = `projects/${project.id}/locations/us-east1/functions/sluice-api`;
    const theirs = { name, labels: { 'deployment-tool': 'cli-firebase' } };
    Reflect.apply(project.functions.set, project.functions, [name, theirs]);
    const args = ['scripts/deploy.ts', '--project', project.id, '--replace'];
    const { code, output } = await checkout.run(google.env, 'node', ...args);
    project.functions.clear();
    assert.equal(code, 1, output);
    assert.match(output, /Deploy refused: it would replace functions that are not Sluice's/);
    assert.match(output, /^New API keys, shown this once:\n(.*\n)* {2}admin {6}[\w-]{43}$/m);
    assert.equal(project.secrets.get('API_KEYS')?.versions.length, 1);
    const expected = JSON.parse(project.secrets.get('API_KEYS')?.versions[0] ?? '[]') as { sha256: string }[];
    const key = /^ {2}admin {6}([\w-]{43})$/m.exec(output)?.[1] ?? '';
    assert.ok(expected.some(({ sha256 }) => sha256 === keyDigest(key).toString('hex')));
  });

  it('refuses to deploy over a function of the same name that is not Sluice’s', async () => {
    const { project } = google;
    project.services.add('cloudfunctions.googleapis.com');
    const name = `projects/${project.id}/locations/us-central1/functions/sluice-api`;
    const theirs = { name, labels: { 'deployment-tool': 'cli-firebase' } };
    Reflect.apply(project.functions.set, project.functions, [name, theirs]);
    const { code, output } = await predeploy();
    project.functions.clear();
    assert.equal(code, 1, output);
    assert.match(output, /sluice-api in us-central1 was deployed from the code base default/);
    const free = await predeploy();
    assert.equal(free.code, 0, free.output);
    assert.doesNotMatch(free.output, /Warning/);
  });
});
