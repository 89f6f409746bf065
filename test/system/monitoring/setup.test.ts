import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type LocalGoogle, startGoogle } from '../../../local/google/index.ts';
import { monitoringOf } from '../../../local/google/monitoring.ts';
import { functionsDir } from '../../support/build.ts';
import { type Checkout, makeCheckout } from '../rehearsal/checkout.ts';

describe('npm run setup -- --monitoring', function () {
  this.timeout(120_000);
  let google: LocalGoogle;
  let checkout: Checkout;
  let kept: ReturnType<typeof monitoringOf>;

  before(async () => {
    google = await startGoogle({ nodeModules: [join(functionsDir, 'node_modules')] });
    checkout = makeCheckout();
    kept = monitoringOf(google.project);
    // What others have in the project, more than one page of it.
    const all = `projects/${google.project.id}`;
    for (const id of ['1', '2', '3', '4', '5']) {
      const policy = {
        name: `${all}/alertPolicies/${id}`,
        displayName: 'Sluice: dead letters',
        combiner: 'OR',
      };
      kept.policies.set(policy.name, policy);
      const dashboard = { name: `${all}/dashboards/${id}`, displayName: 'Sluice' };
      kept.dashboards.set(dashboard.name, dashboard);
    }
    kept.logMetrics.set('theirs', { name: 'theirs', filter: 'severity>=ERROR' });
  });
  after(async () => {
    await google.close();
    checkout.remove();
  });

  async function setup(...args: string[]): Promise<string[]> {
    const { code, output } = await run(...args);
    assert.equal(code, 0, output);
    return output
      .split('\n')
      .filter((line) => /^(Metric|Alert “|Dashboard|Notifications|Switching)/.test(line));
  }

  function run(...args: string[]): Promise<{ code: number; output: string }> {
    const { id } = google.project;
    const given = ['scripts/setup.ts', '--project', id, '--monitoring', ...args];
    return checkout.run(google.env, 'node', ...given);
  }

  const counts = (): number[] =>
    [kept.logMetrics, kept.policies, kept.dashboards, kept.channels].map(({ size }) => size);
  const own = (label: string) =>
    [...kept.policies.values()].find(({ userLabels }) => userLabels?.['sluice'] === label);

  it('shows with --dry-run what it would make, and makes nothing', async () => {
    const lines = await setup('--dry-run', '--notify', 'ops@example.com');
    assert.equal(lines.length, 4 + 6 + 1 + 1);
    assert.ok(
      lines.every((line) => line.endsWith(': would be made.')),
      lines.join('\n'),
    );
    assert.deepEqual(counts(), [1, 5, 5, 0]);
  });

  it('says which roles are missing, and has then changed nothing', async () => {
    google.project.denied.add('logging.logMetrics.get');
    const { code, output } = await run();
    google.project.denied.clear();
    assert.equal(code, 1);
    assert.match(output, /You may not set up monitoring in .*logging\.logMetrics\.get/);
    for (const role of ['monitoring.editor', 'logging.configWriter'])
      assert.match(output, new RegExp(`add-iam-policy-binding \\S+ --member=\\S+ --role=roles/${role}`));
    assert.deepEqual(counts(), [1, 5, 5, 0]);
  });

  it('switches on the APIs, makes all, and a second time nothing', async () => {
    google.project.services.delete('monitoring.googleapis.com');
    const first = await setup();
    assert.equal(first[0], 'Switching on monitoring.googleapis.com.');
    assert.ok(
      first.slice(1).every((line) => line.endsWith(': made.')),
      first.join('\n'),
    );
    assert.deepEqual(counts(), [5, 11, 6, 0]);
    const before = JSON.stringify([...kept.policies, ...kept.dashboards, ...kept.logMetrics]);
    const second = await setup();
    assert.equal(second.length, 11);
    assert.ok(
      second.every((line) => line.endsWith(': is so already.')),
      second.join('\n'),
    );
    assert.equal(JSON.stringify([...kept.policies, ...kept.dashboards, ...kept.logMetrics]), before);
  });

  it('puts right what was changed, in place, and leaves what is the operator’s', async () => {
    const policy = own('dispatch-refused');
    const [condition] = policy?.conditions ?? [];
    assert.ok(policy !== undefined && condition?.conditionThreshold !== undefined);
    Object.assign(condition.conditionThreshold, { duration: '600s' });
    Object.assign(policy, { enabled: false, userLabels: { ...policy.userLabels, team: 'ours' } });
    const dashboard = [...kept.dashboards.values()].find(({ labels }) => labels?.['sluice']);
    Object.assign(dashboard ?? {}, { displayName: 'Mine' });
    kept.logMetrics.set('sluice/events', {
      ...kept.logMetrics.get('sluice/events'),
      name: 'sluice/events',
      filter: 'severity>=INFO',
    });
    const changed = (await setup()).filter((line) => line.endsWith(': brought up to date.'));
    assert.deepEqual(
      changed.map((line) => line.split(':')[0]),
      ['Metric sluice/events', 'Alert “Sluice', 'Dashboard “Sluice”'],
    );
    const after = own('dispatch-refused');
    assert.equal(after?.name, policy.name);
    assert.equal(after?.conditions?.[0]?.name, condition.name);
    assert.equal(after?.conditions?.[0]?.conditionThreshold?.duration, '0s');
    assert.equal(after?.userLabels?.['team'], 'ours');
    assert.equal(after?.enabled, false);
    assert.deepEqual(counts(), [5, 11, 6, 0]);
  });

  it('sends all alerts to an address, by one channel, beside those that the operator chose', async () => {
    const theirs = `projects/${google.project.id}/notificationChannels/9`;
    kept.channels.set(theirs, { name: theirs, type: 'email', labels: { email_address: 'them@example.com' } });
    Object.assign(own('spool') ?? {}, { notificationChannels: [theirs] });
    // Somebody switched this one off.
    const off = { type: 'email', labels: { email_address: 'ops@example.com' }, enabled: false };
    kept.channels.set(`${theirs}0`, { name: `${theirs}0`, ...off });
    await setup('--notify', 'ops@example.com');
    assert.equal(kept.channels.size, 3);
    const made = [...kept.channels.keys()].at(-1);
    assert.deepEqual(own('spool')?.notificationChannels, [theirs, made]);
    assert.deepEqual(own('dead-letters')?.notificationChannels, [made]);
    const again = await setup('--notify', 'ops@example.com');
    assert.ok(
      again.every((line) => line.endsWith(': is so already.')),
      again.join('\n'),
    );
    assert.ok((await setup()).every((line) => line.endsWith(': is so already.')));
    assert.deepEqual(own('dead-letters')?.notificationChannels, [made]);
    assert.deepEqual(google.unknownCalls(), []);
  });

  it('refuses --notify without --monitoring', async () => {
    const given = ['scripts/setup.ts', '--project', google.project.id, '--notify', 'a@example.com'];
    const { code, output } = await checkout.run(google.env, 'node', ...given);
    assert.equal(code, 1);
    assert.match(output, /^--notify goes with --monitoring\.\nUsage: /);
  });

  it('touched nothing of others', () => {
    const theirs = [...kept.policies.values()].filter(({ userLabels }) => userLabels === undefined);
    assert.equal(theirs.length, 5);
    assert.ok(theirs.every((policy) => Object.keys(policy).length === 3));
    assert.equal([...kept.dashboards.values()].filter((one) => Object.keys(one).length === 2).length, 5);
    assert.deepEqual(kept.logMetrics.get('theirs'), { name: 'theirs', filter: 'severity>=ERROR' });
  });
});
