import assert from 'node:assert/strict';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LocalGoogle, startGoogle } from '../../../local/google/index.ts';
import { functionsDir } from '../../support/build.ts';
import { type Checkout, checkoutOf, makeCheckout } from './checkout.ts';
import { Site } from './site.ts';

/** The first version that was deployed, whose functions' ids had no prefix. */
const firstVersion = '3a6e002';
/** Commands of the page by their sections. */
const page = readFileSync(join(functionsDir, '../docs/upgrading.md'), 'utf8');
const commands = new Map(
  page.split(/^## /m).map((section) => {
    const blocks = [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block);
    return [section.split('\n')[0] ?? '', blocks.join('')];
  }),
);

const formerNames = ['ingest', 'api', 'files', 'filed', 'flush', 'expire', 'sweep', 'cleanup'];

/**
 * `npm run rehearse:upgrade`: docs/upgrading.md with the Firebase CLI as it is, from that version's own sources and
 * back to them, in a Google project on this machine that runs what is uploaded.
 */
describe('an upgrade from the first version, with full queues, and the way back', () => {
  let google: LocalGoogle;
  let old: Checkout;
  let now: Checkout;
  let site: Site;
  /** A miner's key that was made before, and files of both versions. */
  let minerKey: string;
  let files: string[];
  let queued: number;
  let deployed: { code: number; output: string };

  before(async () => {
    old = checkoutOf(firstVersion);
    now = makeCheckout();
    const nodeModules = [functionsDir, join(old.dir, 'functions')].map((dir) => join(dir, 'node_modules'));
    // That version asks for 80 instances of one function. The bucket is in several regions, as many older ones are.
    google = await startGoogle({ nodeModules, cpuQuota: 80, bucketLocation: 'US' });
    for (const name of ['cloudfunctions', 'cloudtasks', 'run', 'secretmanager', 'cloudscheduler', 'eventarc'])
      google.project.services.add(`${name}.googleapis.com`);
    site = new Site(google, await deployFirst());
    await fill();
    cpSync(join(old.dir, envFile()), join(now.dir, envFile()));
    google.env['SLUICE_ADMIN_KEY'] = site.adminKey;
    deployed = await follow(now, 'Upgrading');
  });
  after(async () => {
    await google?.close();
    old?.remove();
    now?.remove();
  });

  const envFile = (): string => `functions/.env.${google.project.id}`;
  /** Does what a section of the page says, or the one line of it in which there is a word. */
  function follow(checkout: Checkout, section: string, word = '', env: Record<string, string> = {}) {
    const lines = commands
      .get(section)
      ?.split('\n')
      .filter((line) => line.includes(word));
    const script = lines?.join('\n').replaceAll('YOUR_PROJECT', google.project.id) ?? '';
    assert.notEqual(script.trim(), '', section);
    return checkout.run({ ...google.env, ...env }, 'sh', '-ec', script);
  }
  const npm = (script: string, ...args: string[]) =>
    now.run(google.env, 'node', `scripts/${script}.ts`, '--project', google.project.id, ...args);
  const queue = (name: string): string =>
    `projects/${google.project.id}/locations/us-central1/queues/${name}`;
  const ids = (): string[] => [...google.project.functions.keys()].map((key) => key.split('/').at(-1) ?? '');
  const served = () =>
    google.project.versions.at(-1)?.config?.rewrites?.map(({ run }) => run?.serviceId ?? '');
  const waiting = (): number[] => ['flush', 'expire'].map((name) => google.tasksIn(queue(name)));

  async function deployFirst(): Promise<string> {
    const { id } = google.project;
    const setup = await old.run(google.env, 'npm', 'run', '-s', 'setup', '--', '--project', id, '--new-keys');
    const secret = setup.stdout.trimEnd().split('\n').at(-1) ?? '';
    const set = ['functions:secrets:set', 'API_KEYS', '--project', id, '--non-interactive'];
    await old.runWith(secret, google.env, 'npx', 'firebase', ...set, '--data-file', '-');
    const args = ['deploy', '--project', id, '--non-interactive', '--force'];
    const { code, output } = await old.run(google.env, 'npx', 'firebase', ...args);
    assert.equal(code, 0, output);
    return /^ {2}admin +([\w-]{43})$/m.exec(setup.stdout)?.[1] ?? assert.fail(setup.output);
  }

  /** Leaves something of every kind: written, in both queues, in the spool, dead, a file and a key. */
  async function fill(): Promise<void> {
    for (const id of ['written', 'half', 'late']) await site.createTask(id);
    for (const uid of [1, 2]) await site.answer('written', uid);
    await site.answer('half', 1);
    await site.operate({ type: 'set', path: 'things/big', data: { a: 'x'.repeat(600_000) } });
    await site.flush();
    await site.operate({ type: 'update', path: 'things/big', data: { b: 'x'.repeat(600_000) } });
    await site.flush();
    minerKey = (await site.call('POST', '/v1/keys', { role: 'miner', label: 'before' })).json[
      'key'
    ] as string;
    files = [await site.upload('before')];
    await site.ask(queue('flush'), 'pause');
    await site.createTask('queued');
    for (const [task, uid] of [
      ['queued', 1],
      ['half', 2],
    ] as const)
      await site.answer(task, uid);
    const outage = { service: 'tasks', code: 14, rate: 1, forMs: 600_000, phase: 'before' } as const;
    google.faults.add({ ...outage, method: 'CreateTask' });
    await site.answer('queued', 2);
    google.faults.clear();
    queued = google.tasksIn(queue('flush'));
    assert.ok(queued > 0 && google.tasksIn(queue('expire')) > 0);
  }

  it('lays new functions beside the old, leads Hosting to them, and says what to do next', () => {
    assert.equal(deployed.code, 0, deployed.output);
    assert.equal(ids().length, formerNames.length + 9);
    assert.ok(served()?.every((id) => id.startsWith('sluice-')));
    assert.match(deployed.output, /cloudfunctions\.net\/ingest → \S+\/sluice-ingest\n/);
    assert.match(deployed.output, /npm run retire -- --project rehearsed-1\n/);
    assert.match(deployed.output, /Read back as completed/);
    assert.deepEqual(google.unknownCalls(), []);
  });

  it('leaves what waits in the old queues as it was', async () => {
    assert.equal(google.tasksIn(queue('flush')), queued);
    assert.equal((await site.ask(queue('flush'), 'get'))['state'], 'PAUSED');
  });

  it('reads what the old version wrote: tasks, a dead letter, keys, files', async () => {
    assert.deepEqual(await site.answersOf('written'), [1, 2]);
    const letters = (await site.call('GET', '/v1/dead-letters')).json['dead_letters'] as { target: string }[];
    assert.deepEqual(
      letters.map(({ target }) => target),
      ['things/big'],
    );
    await site.answer('late', 1, minerKey);
    assert.equal(await site.download(files[0] ?? ''), 'before');
  });

  it('has files that stay while both versions hear of them and clean up', async () => {
    files.push(await site.upload('y'.repeat(100_000)));
    for (const id of ['cleanup', 'sluice-cleanup'])
      assert.equal(await google.runJob(`firebase-schedule-${id}-us-central1`), 200);
    assert.equal((await site.download(files[1] ?? '')).length, 100_000);
  });

  it('works off a spooled carrier of the old version', async () => {
    assert.equal(await google.runJob('firebase-schedule-sluice-sweep-us-central1'), 200);
    await site.flush();
    assert.deepEqual(await site.answersOf('queued'), [2]);
  });

  it('has the doctor say that the old version is to be retired, and changes nothing with --dry-run', async () => {
    const { code, output } = await npm('doctor');
    assert.equal(code, 1);
    assert.match(
      output,
      /^WRONG {2}earlier version: .*flush.*\n +→ npm run retire -- --project rehearsed-1$/m,
    );
    const before = [ids(), waiting()];
    const dryRun = await follow(now, 'From 0.1.0', '--dry-run');
    assert.match(dryRun.output, /Nothing was changed/);
    assert.deepEqual([ids(), waiting()], before);
  });

  it('moves what waits to the new queues and deletes the old functions; nothing is lost', async () => {
    const deadlines = google.tasksIn(queue('expire')) + google.tasksIn(queue('sluice-expire'));
    const { output } = await follow(now, 'From 0.1.0');
    assert.deepEqual(output.match(/^WRONG .*$/gm), ['WRONG  dead letters: 1'], output);
    assert.match(output, /^flush: [1-9]\d* tasks moved to sluice-flush\.$/m);
    assert.match(
      output,
      /^== Deleting .*ingest.*$[\s\S]*^flush: \d+ tasks moved.*$[\s\S]*^== Deleting flush/m,
    );
    assert.deepEqual(
      ids().filter((id) => formerNames.includes(id)),
      [],
    );
    assert.deepEqual(waiting(), [0, 0]);
    await site.flush();
    assert.deepEqual(await site.answersOf('queued'), [1, 2]);
    assert.deepEqual(await site.answersOf('half'), [1, 2]);
    assert.deepEqual(await site.answersOf('late'), [1]);
    assert.ok(google.tasksIn(queue('sluice-expire')) >= deadlines);
    for (const file of files) assert.ok((await site.download(file)).length > 0);
    assert.match((await npm('retire')).output, /No functions of an earlier version/);
  });

  it('goes back to the old version, while the new functions work off what waits', async () => {
    const evaluation = { task_id: 'late', validator_uid: 5, evaluation_data: '{"accuracy_score":0.9}' };
    assert.equal((await site.call('POST', '/api/v1/validator/evaluation', evaluation)).status, 200);
    await site.flush();
    await site.ask(queue('sluice-flush'), 'pause');
    await site.createTask('new');
    await site.answer('new', 1, minerKey);
    const holding = google.tasksIn(queue('sluice-flush'));
    assert.ok(holding > 0);
    const careless = await old.run(google.env, 'npx', 'firebase', 'deploy', '--project', google.project.id);
    assert.match(careless.output, /Deploy refused: it would lose tasks/);
    const { code, output } = await follow(old, 'Rolling back to 0.1.0');
    assert.equal(code, 0, output);
    assert.equal(google.tasksIn(queue('sluice-flush')), holding);
    assert.ok(served()?.every((id) => formerNames.includes(id)));
    assert.equal(ids().length, formerNames.length + 9);
    await site.ask(queue('sluice-flush'), 'resume');
    // Hosting leads there no more; without it the answer would wait its minute.
    await site.flushAt(`https://us-central1-${google.project.id}.cloudfunctions.net/sluice-api`);
    await site.until('the new functions write', async () => (await site.answersOf('new')).length === 1);
    for (const [task, answers] of [
      ['written', [1, 2]],
      ['half', [1, 2]],
    ] as const)
      assert.deepEqual(await site.answersOf(task), answers);
    await site.answer('late', 2, minerKey);
    await site.flush();
    assert.deepEqual(await site.answersOf('late'), [1, 2]);
    // The old version knows no evaluations: they stay in the document that it writes.
    const evaluations = (await site.call('GET', '/v1/tasks/late')).json['evaluations'] ?? {};
    assert.deepEqual(Object.keys(evaluations), ['5']);
    for (const file of files) assert.ok((await site.download(file)).length > 0);
  });

  it('retires nothing that Hosting leads to', async () => {
    const { code, output } = await npm('retire');
    assert.equal(code, 1);
    assert.match(output, /Nothing was done\. Hosting leads to /);
    assert.equal(ids().length, formerNames.length + 9);
  });
});
