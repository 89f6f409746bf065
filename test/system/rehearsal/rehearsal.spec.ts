import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { profiles } from '../../../functions/src/app/sizes.ts';
import { deployedId } from '../../../functions/src/config.ts';
import { type LocalGoogle, readZip, startGoogle } from '../../../local/google/index.ts';
import { type DeployedFunction, hasRole } from '../../../local/google/project.ts';
import { functionsDir } from '../../support/build.ts';
import { type Checkout, makeCheckout } from './checkout.ts';
import { Site } from './site.ts';

/** A function that the Firebase CLI deployed from the code base `default`. */
function anotherFunction(name: string, serviceAccountEmail: string): DeployedFunction {
  const service = name.replace('/functions/', '/services/');
  const size = { availableCpu: '1', availableMemory: '256Mi' };
  return {
    name,
    labels: { 'deployment-tool': 'cli-firebase' },
    environment: 'GEN_2',
    url: 'https://example.com',
    buildConfig: { runtime: 'nodejs22', entryPoint: 'api' },
    serviceConfig: { service, uri: 'https://example.com', serviceAccountEmail, ...size },
  };
}

const names = ['api', 'cleanup', 'expire', 'filed', 'files', 'flush', 'ingest', 'polls', 'sweep'] as const;

const wanted = JSON.parse(readFileSync(join(functionsDir, '../firestore.indexes.json'), 'utf8'));

/**
 * `npm run rehearse`: `npm run deploy` with the unmodified Firebase CLI into a Google project on this machine, which
 * then runs what was uploaded.
 */
describe('npm run deploy, into a new project', () => {
  let google: LocalGoogle;
  let checkout: Checkout;
  let first: { code: number; output: string };

  before(async () => {
    // As in an organisation: the functions' account has no role at all.
    google = await startGoogle({ nodeModules: [join(functionsDir, 'node_modules')], accountRoles: [] });
    checkout = makeCheckout();
    const { project } = google;
    // What others have in the project must stay: so did versions before this call their functions.
    const place = `projects/${project.id}/locations/us-central1`;
    const theirs = `projects/${project.id}/databases/(default)/collectionGroups/theirs/indexes/i0`;
    const fields = [{ fieldPath: 'a' }, { fieldPath: 'b' }];
    project.indexes.push({ name: theirs, queryScope: 'COLLECTION', fields });
    const field = theirs.replace('/indexes/i0', '/fields/a');
    project.fields.set(field, { name: field, ttlConfig: { state: 'ACTIVE' }, indexConfig: { indexes: [] } });
    project.functions.set(
      `${place}/functions/api`,
      anotherFunction(`${place}/functions/api`, project.compute),
    );
    const message = 'Permission denied while using the Eventarc Service Agent. Try again in a few minutes.';
    project.refusals.set(deployedId('filed'), { status: 400, code: 'FAILED_PRECONDITION', message });
    first = await deploy();
  });
  after(async () => {
    await google.close();
    checkout.remove();
  });

  function deploy(...args: string[]): Promise<{ code: number; output: string }> {
    const { env, project } = google;
    return checkout.run(
      env,
      'node',
      'scripts/deploy.ts',
      '--project',
      project.id,
      '--pause-seconds',
      '0',
      ...args,
    );
  }

  const deployed = (name: string) =>
    google.project.functions.get(
      `projects/${google.project.id}/locations/us-central1/functions/${deployedId(name)}`,
    );

  it('succeeds, though the first use of Eventarc fails, and asks for nothing that Google does not have', () => {
    assert.equal(first.code, 0, first.output);
    assert.match(first.output, /Functions, attempt 2/);
    assert.deepEqual(google.unknownCalls(), []);
  });

  it('sends a response that is written and read back, and tells the address', () => {
    assert.match(first.output, /Read back as completed [\d.]+ s after it was accepted\./);
    assert.match(first.output, /Sluice answers at https:\/\/rehearsed-1\.web\.app\./);
    assert.match(first.output, /^ {2}admin {6}[\w-]{43}$/m);
    assert.doesNotMatch(first.output, /AutopaginateTrueWarning/);
  });

  it('makes the functions of the code base with their sizes, 10 vCPUs in all', () => {
    assert.deepEqual([...google.project.functions.keys()].map((key) => key.split('/').at(-1)).sort(), [
      'api',
      ...names.map(deployedId),
    ]);
    let vcpus = 0;
    for (const name of names) {
      const { serviceConfig, labels, buildConfig } = deployed(name) ?? assert.fail(name);
      const { availableCpu, maxInstanceCount = 0, maxInstanceRequestConcurrency } = serviceConfig;
      const size = profiles['default']?.[name] ?? assert.fail(name);
      assert.equal(labels?.['firebase-functions-codebase'], 'sluice');
      assert.deepEqual(
        [buildConfig.entryPoint, Number(availableCpu), maxInstanceCount, maxInstanceRequestConcurrency],
        [name, size.cpu, size.maxInstances, size.concurrency],
      );
      vcpus += Number(availableCpu) * maxInstanceCount;
    }
    assert.ok(vcpus <= 10, String(vcpus));
  });

  it('makes queues that try for ever, schedules, and a trigger where the bucket is', () => {
    const { project } = google;
    const { rateLimits, retryConfig } =
      project.queues.get(`projects/${project.id}/locations/us-central1/queues/sluice-flush`) ?? assert.fail();
    assert.deepEqual(rateLimits, { maxConcurrentDispatches: 400, maxDispatchesPerSecond: 500 });
    assert.equal(retryConfig?.maxAttempts, -1);
    assert.equal(project.queues.size, 2);
    assert.deepEqual(
      [...project.jobs.keys()].map((key) => key.split('/').at(-1)).sort(),
      ['cleanup', 'sweep'].map((name) => `firebase-schedule-${deployedId(name)}-us-central1`),
    );
    const { eventType, triggerRegion, retryPolicy } = deployed('filed')?.eventTrigger ?? assert.fail();
    assert.deepEqual(
      [eventType, triggerRegion, retryPolicy],
      ['google.cloud.storage.object.v1.finalized', 'us-central1', 'RETRY_POLICY_RETRY'],
    );
  });

  it('gives the functions’ account the roles that it needs, on queues too', () => {
    const { project } = google;
    const has = (resource: string, role: string) => hasRole(project, resource, role, project.compute);
    const all = `projects/${project.id}`;
    const queues = `${all}/locations/us-central1/queues`;
    assert.ok(has(all, 'roles/datastore.user'));
    assert.ok(has(`${queues}/sluice-flush`, 'roles/cloudtasks.enqueuer'));
    assert.ok(has(`${queues}/sluice-expire`, 'roles/cloudtasks.enqueuer'));
    assert.ok(has(`${queues}/sluice-flush`, 'roles/cloudtasks.taskRunner'));
    assert.ok(has(`b/${project.bucket}`, 'roles/storage.objectAdmin'));
    assert.ok(has(`${all}/secrets/API_KEYS`, 'roles/secretmanager.secretAccessor'));
  });

  it('releases rules, indexes and a site that leads to the functions, and leaves others’ indexes and fields', () => {
    const { project } = google;
    assert.equal(project.releases.size, 2);
    assert.ok(project.indexes.some(({ name }) => name.includes('/theirs/')));
    assert.equal(project.indexes.length, wanted.indexes.length + 1);
    assert.equal(project.fields.size, wanted.fieldOverrides.length + 1);
    assert.ok([...project.fields.keys()].some((name) => name.endsWith('/theirs/fields/a')));
    const rewrites = project.versions.at(-1)?.config?.rewrites ?? [];
    assert.ok(rewrites.length > 10);
    for (const { run } of rewrites) {
      assert.equal(run?.region, 'us-central1');
      assert.ok(names.map(deployedId).includes(run?.serviceId ?? ''), run?.serviceId);
    }
  });

  it('releases the operator’s page as it was built, and nothing beside it', () => {
    const files = google.project.versions.at(-1)?.files ?? [];
    for (const page of ['/index.html', '/docs/index.html']) assert.ok(files.includes(page), page);
    assert.ok(files.some((file) => /^\/assets\/main-\w+\.js$/.test(file)));
    assert.deepEqual(
      files.filter((file) => !/^\/(assets\/|(.+\/)?index\.html$)/.test(file)),
      [],
    );
  });

  it('uploads the code and nothing else', () => {
    assert.ok(google.project.uploads.size > 0);
    for (const zip of google.project.uploads.values()) {
      const others = [...readZip(zip).keys()].filter((name) => !name.startsWith('lib/'));
      assert.deepEqual(others.sort(), ['.npmrc', 'package-lock.json', 'package.json']);
    }
  });

  it('starts each function with the variables that were deployed', async () => {
    const { project } = google;
    const url = `https://us-central1-${project.id}.cloudfunctions.net`;
    for (const name of ['api', 'ingest', 'polls', 'files']) {
      const answer = await fetch(google.reach(`${url}/${deployedId(name)}/v1/responses`));
      await answer.arrayBuffer();
      assert.ok([401, 404, 405].includes(answer.status), `${name} ${answer.status}`);
    }
    const health = await fetch(google.reach(`https://${project.id}.web.app/healthz`));
    assert.deepEqual([health.status, await health.json()], [200, { status: 'ok' }]);
  });

  it('is called by the bucket and by its schedules: a spooled carrier is put back', async () => {
    const site = new Site(google, /^ {2}admin {6}(\S+)$/m.exec(first.output)?.[1] ?? assert.fail());
    await site.createTask('spooled');
    google.faults.add({
      service: 'tasks',
      method: 'CreateTask',
      code: 14,
      rate: 1,
      forMs: 600_000,
      phase: 'before',
    });
    await site.answer('spooled', 1);
    google.faults.clear();
    await site.until('it is read', async () => (await site.answersOf('spooled')).length === 1);
    for (const id of ['sweep', 'cleanup'])
      assert.equal(await google.runJob(`firebase-schedule-${deployedId(id)}-us-central1`), 200);
  });

  it('leaves what the doctor finds well, who tells what is not and how to mend it', async () => {
    const key = /^ {2}admin {6}(\S+)$/m.exec(first.output)?.[1] ?? assert.fail();
    const { env, project } = google;
    const doctor = (...args: string[]): Promise<{ code: number; output: string }> =>
      checkout.run(env, 'node', 'scripts/doctor.ts', '--project', project.id, ...args);
    const healthy = await doctor('--key', key);
    assert.equal(healthy.code, 0, healthy.output);
    assert.match(healthy.output, /^ok {5}canary: written and read back/m);

    const ask = (verb: string): Promise<unknown> => {
      const queue = `projects/${project.id}/locations/us-central1/queues/sluice-flush`;
      return fetch(google.reach(`https://cloudtasks.googleapis.com/v2/${queue}:${verb}`), { method: 'POST' });
    };
    const policies = new Map(project.policies);
    await ask('pause');
    project.policies.delete(`b/${project.bucket}`);
    const ill = await doctor();
    await ask('resume');
    Object.assign(project, { policies });
    assert.equal(ill.code, 1, ill.output);
    assert.match(
      ill.output,
      /^WRONG {2}queue sluice-flush: is paused\n +→ curl -X POST \S+\/v1\/queue\/resume/m,
    );
    assert.match(
      ill.output,
      /^WRONG {2}roles: missing: roles\/storage\.objectAdmin on bucket .*\n +→ npm run setup/m,
    );
    assert.match(ill.output, /^2 of \d+ are wrong\.$/m);
  });

  it('lets an operator export from it, and takes no address of another project', async () => {
    const key = /^ {2}admin {6}(\S+)$/m.exec(first.output)?.[1] ?? assert.fail();
    const { env, project } = google;
    const given = ['scripts/export.ts', '--project', project.id, '--key', key, '--out', '-'];
    const waiting = await checkout.run(env, 'node', ...given, '--waiting');
    assert.equal(waiting.code, 0, waiting.output);
    assert.match(waiting.stdout, /^\{"kind":"end","counts":.*"sha256":"[0-9a-f]{64}"\}$/m);
    const ofMiner = await checkout.run(env, 'node', ...given, '--miner', '0');
    assert.equal(ofMiner.code, 0, ofMiner.output);
    assert.match(ofMiner.stdout, /^\{"kind":"answer","source":"tasks\/canary-/m);
    const dry = ['scripts/erase.ts', '--project', project.id, '--key', key, '--miner', '0', '--dry-run'];
    const erase = await checkout.run(env, 'node', ...dry);
    assert.equal(erase.code, 0, erase.output);
    assert.match(erase.stdout, /^task canary-.*: its answers would be erased$/m);

    const other = createServer((_, response) => response.end('{"project_id": "another-1"}')).listen(0);
    const { port } = other.address() as AddressInfo;
    const mistaken = await checkout.run(env, 'node', ...dry, '--url', `http://127.0.0.1:${port}`);
    other.close();
    assert.notEqual(mistaken.code, 0);
    assert.match(mistaken.output, /Expected an address of the project rehearsed-1; \S+ is of another-1\./);
    assert.equal(mistaken.stdout, '');
  });

  it('asks whoever deploys indexes at a terminal before others’ go, and keeps them at a bare Enter', async () => {
    const { env, project } = google;
    const before = [project.indexes.length, project.fields.size];
    const script = join(functionsDir, '../test/system/rehearsal/terminal.py');
    const command = ['npx', 'firebase', 'deploy', '--project', project.id, '--only', 'firestore:indexes'];
    const { code, output } = await checkout.run(env, 'python3', script, ...command);
    assert.equal(code, 0, output);
    assert.match(output, /Would you like to delete these indexes\?/);
    assert.match(output, /Would you like to delete these field overrides\?/);
    assert.deepEqual([project.indexes.length, project.fields.size], before);
  });

  it('changes nothing when it is run again', async () => {
    const before = [...google.project.functions.values()].map(({ name, labels }) => [name, labels]);
    const { code, output } = await deploy();
    assert.equal(code, 0, output);
    assert.doesNotMatch(output, /Granting|New API keys/);
    assert.match(output, /Canary: not sent, .*SLUICE_ADMIN_KEY=… npm run doctor -- --project rehearsed-1/s);
    assert.match(output, /Skipped \(No changes detected\)/);
    assert.equal(google.project.indexes.length, wanted.indexes.length + 1);
    assert.deepEqual(
      [...google.project.functions.values()].map(({ name, labels }) => [name, labels]),
      before,
    );
  });
});
