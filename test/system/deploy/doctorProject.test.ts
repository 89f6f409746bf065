import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { type LocalGoogle, startGoogle } from '../../../local/google/index.ts';
import { inProject } from '../../../scripts/doctor/inProject.ts';
import type { GoogleApi } from '../../../scripts/google/googleApi.ts';
import { missingRules } from '../../../scripts/setup/setupSteps.ts';
import { build, functionsDir } from '../../support/build.ts';
import { install, setRules } from './installed.ts';

describe('the doctor, in a project', function () {
  this.timeout(120_000);
  let google: LocalGoogle;
  let api: GoogleApi;

  before(async () => {
    build();
    google = await startGoogle({ nodeModules: [join(functionsDir, 'node_modules')], accountRoles: [] });
    api = await install(google);
  });
  after(() => google.close());

  const wrongs = async (): Promise<string[]> =>
    (await inProject(api, google.project.id)).flatMap((finding) =>
      finding.isWell ? [] : [`${finding.check}: ${finding.detail} → ${finding.mend}`],
    );

  /** Expects just one finding while the project is as `spoil` makes it, and none after it is mended. */
  async function finds(expected: RegExp, spoil: () => unknown, mend: () => unknown): Promise<void> {
    await spoil();
    const found = await wrongs();
    await mend();
    assert.equal(found.length, 1, found.join('\n'));
    assert.match(found[0] ?? '', expected);
  }

  /** As {@link finds}, for a change of the project's own members. */
  async function findsWith(expected: RegExp, change: Partial<LocalGoogle['project']>): Promise<void> {
    const { project } = google;
    const kept = { ...project };
    await finds(
      expected,
      () => Object.assign(project, change),
      () => Object.assign(project, kept),
    );
  }

  const without = <Value>(map: Map<string, Value>, end: string): Map<string, Value> =>
    new Map([...map].filter(([key]) => !key.endsWith(end)));
  const queueUrl = (verb: string): string =>
    `https://cloudtasks.googleapis.com/v2/projects/${google.project.id}/locations/us-central1/queues/sluice-flush${verb}`;

  it('finds nothing wrong where all is as a deploy leaves it', async () => {
    assert.deepEqual(await wrongs(), []);
  });

  it('tells a project without billing, Storage or Firestore, and where to mend that', async () => {
    await findsWith(/^billing: .* Blaze plan.* → https:\S+\/usage\/details$/, { isBilled: false });
    await findsWith(/^bucket: Storage is not set up → press .*\/storage/, { bucket: undefined });
    await findsWith(/^Firestore: .* → make one at /, { firestoreLocation: undefined });
  });

  it('tells a region in which the bucket is not heard', async () => {
    const url = google.reach('https://storage.googleapis.com/storage/v1/b');
    const body = JSON.stringify({ name: 'elsewhere', location: 'EUROPE-WEST1' });
    await fetch(url, { method: 'POST', body });
    const found = await inProject(api, google.project.id, 'elsewhere');
    const region = found.find(({ check }) => check === 'region');
    assert.ok(region && !region.isWell);
    assert.match(region.mend, /^REGION=europe-west1 in functions\/\.env\./);
  });

  it('tells APIs that are off, and looks no further', async () => {
    const services = new Set([...google.project.services].filter((name) => !name.startsWith('eventarc')));
    await findsWith(/^APIs: off: eventarc → npm run setup/, { services });
  });

  it('tells roles that are missing', async () => {
    const policies = without(google.project.policies, `b/${google.project.bucket}`);
    await findsWith(/^roles: missing: roles\/storage\.objectAdmin on bucket .* → npm run setup/, {
      policies,
    });
  });

  it('tells a quota of vCPUs that the functions do not fit, and how to raise it', async () => {
    const expected =
      /^quota of vCPUs: functions may take [\d.]+, us-central1 has 5 → gcloud quotas preferences create /;
    await findsWith(expected, { cpuQuota: 5 });
  });

  it('tells functions that a half-finished deploy left out, or that do not run', async () => {
    const { functions } = google.project;
    await findsWith(/^functions: sluice-files is not there.*; sluice-polls is not there.* → npm run deploy/, {
      functions: without(without(functions, '/sluice-files'), '/sluice-polls'),
    });
    const [key = '', one] = [...functions].find(([name]) => name.endsWith('/sluice-api')) ?? [];
    assert.ok(one);
    await findsWith(/^functions: sluice-api is not there, or does not run → npm run deploy/, {
      functions: new Map([...functions, [key, { ...one, state: 'FAILED' }]]),
    });
  });

  it('tells a queue that is paused, gives up, or is gone', async () => {
    await finds(
      /^queue sluice-flush: is paused → curl -X POST \S+\/v1\/queue\/resume /,
      () => api.call('POST', queueUrl(':pause'), {}),
      () => api.call('POST', queueUrl(':resume'), {}),
    );
    const { queues } = google.project;
    const [key = '', queue] = [...queues].find(([name]) => name.endsWith('/sluice-flush')) ?? [];
    assert.ok(queue);
    await findsWith(/^queue sluice-flush: gives up after some attempts: .* → gcloud tasks queues update /, {
      queues: new Map([...queues, [key, { ...queue, retryConfig: { maxAttempts: 3 } }]]),
    });
    await findsWith(/^queue sluice-flush: is not there → npm run deploy/, {
      queues: without(queues, '/sluice-flush'),
    });
  });

  it('tells a schedule that is off, and one whose last run failed', async () => {
    const { jobs } = google.project;
    const [key = '', job] = [...jobs].find(([name]) => name.includes('sweep')) ?? [];
    assert.ok(job);
    await findsWith(/^schedules: sluice-sweep has no schedule that is on → npm run deploy/, {
      jobs: new Map([...jobs, [key, { ...job, state: 'PAUSED' }]]),
    });
    const failed = { ...job, status: { code: 13 }, lastAttemptTime: '2026-11-27T12:00:00Z' };
    await findsWith(/^schedules: sluice-sweep failed at 2026-11-27T12:00:00Z: see its log/, {
      jobs: new Map([...jobs, [key, failed]]),
    });
  });

  it('tells keys whose version is switched off, or not deployed', async () => {
    const secret = google.project.secrets.get('API_KEYS') ?? assert.fail();
    await findsWith(/^secret API_KEYS: version 1 is DISABLED: .* → gcloud secrets versions enable 1 /, {
      secrets: new Map([['API_KEYS', { ...secret, disabled: new Set([1]) }]]),
    });
    await findsWith(/^secret API_KEYS: version 2 is not deployed → npm run deploy/, {
      secrets: new Map([['API_KEYS', { ...secret, versions: ['[]', '[]'] }]]),
    });
    await findsWith(/^secret API_KEYS: has no version → npx firebase functions:secrets:set /, {
      secrets: new Map(),
    });
  });

  it('tells rules of the bucket that are missing, or delete what must stay', async () => {
    const own = missingRules([]);
    await finds(
      /^bucket’s lifecycle: missing: .*"matchesPrefix":\["bodies\/"\].* → npm run setup/,
      () => setRules(google, own.slice(1)),
      () => setRules(google, own),
    );
    const harmful = { action: { type: 'Delete' }, condition: { age: 30 } };
    await finds(
      /^bucket’s lifecycle: deletes what Sluice needs: \{.*"age":30\}\} → gcloud storage buckets update /,
      () => setRules(google, [...own, harmful]),
      () => setRules(google, own),
    );
  });

  it('tells indexes that are not ready, and a TTL that is not on', async () => {
    const { indexes, fields } = google.project;
    await findsWith(/^indexes and TTL: not ready: tasks by feed_shard, written_at; .* → wait some minutes/, {
      indexes: indexes.slice(2),
    });
    await findsWith(/^indexes and TTL: TTL is not on: tasks\.sluice_expires_at → /, {
      fields: without(fields, 'tasks/fields/sluice_expires_at'),
    });
  });

  it('goes on where something may not be seen, and says so', async () => {
    await findsWith(/^schedules: may not be seen: .*403.* → npx firebase login --reauth/, {
      unseen: new Set(['cloudscheduler']),
    });
  });

  it('tells an earlier version that stands beside, and nothing of others’ functions', async () => {
    const { functions } = google.project;
    const [, flush] = [...functions].find(([name]) => name.endsWith('/sluice-flush')) ?? [];
    assert.ok(flush);
    const { 'firebase-functions-codebase': _, ...labels } = flush.labels ?? {};
    const former = { ...flush, name: flush.name.replace('sluice-', ''), labels };
    const environmentVariables = { FLUSH_TICK_SECONDS: '5' };
    const serviceConfig = { ...flush.serviceConfig, environmentVariables };
    await findsWith(/^earlier version: its functions stand beside: flush → npm run retire/, {
      functions: new Map([...functions, [former.name, { ...former, serviceConfig }]]),
    });
    Object.assign(google.project, { functions: new Map([...functions, [former.name, former]]) });
    assert.deepEqual(await wrongs(), []);
    Object.assign(google.project, { functions });
  });

  it('ends with 2 where it cannot look: wrong project or arguments, no login', async () => {
    const doctor = (...args: string[]): Promise<{ code: number; output: string }> =>
      new Promise((resolve) => {
        const script = join(functionsDir, '../scripts/doctor.ts');
        const env = { ...google.env, PATH: process.env['PATH'] };
        const child = execFile(process.execPath, [script, ...args], { env }, (_, stdout, stderr) =>
          resolve({ code: child.exitCode ?? -1, output: stdout + stderr }),
        );
      });
    const wrongProject = await doctor('--project', 'anothers');
    assert.equal(wrongProject.code, 2, wrongProject.output);
    assert.match(wrongProject.output, /^There is no Firebase project anothers, .*projects:list/);
    const unknown = await doctor('--project', google.project.id, '--fix');
    assert.equal(unknown.code, 2);
    assert.match(unknown.output, /--fix/);
    assert.match(unknown.output, /^Usage: npm run doctor/m);
    google.expireLogin();
    const loggedOut = await doctor('--project', google.project.id);
    google.project.isLoggedOut = false;
    assert.equal(loggedOut.code, 2, loggedOut.output);
    assert.match(loggedOut.output, /npx firebase login --reauth/);
  });
});
