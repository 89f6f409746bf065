import assert from 'node:assert/strict';
import { type Answer, Refusal } from '../../../local/google/call.ts';
import { cloudLogging, cloudMonitoring, monitoringOf } from '../../../local/google/monitoring.ts';
import { newProject, type Project } from '../../../local/google/project.ts';
import { monitoringFiles } from '../../../scripts/setup/monitoring.ts';

const { metrics, policies, dashboard } = monitoringFiles();

describe('Cloud Monitoring and Cloud Logging of the local Google', () => {
  let project: Project;
  beforeEach(() => {
    project = newProject();
  });

  function call(method: string, address: string, body?: unknown): Record<string, unknown> {
    const url = new URL(address, 'https://x.googleapis.com');
    const path = decodeURIComponent(url.pathname);
    const parts = path.split('/').slice(1);
    const query = Object.fromEntries(url.searchParams);
    const given = { host: url.host, method, path, parts, query, body, bytes: Buffer.alloc(0) };
    const answer: Answer | undefined = (path.startsWith('/v2/') ? cloudLogging : cloudMonitoring)(
      project,
      given,
    );
    return answer?.body as Record<string, unknown>;
  }
  const all = (): string => `/v3/projects/${project.id}/alertPolicies`;
  const refused = (what: () => unknown, status: number, message: RegExp): void => {
    assert.throws(
      what,
      (error) => error instanceof Refusal && error.status === status && message.test(error.message),
    );
  };
  const threshold = (filter: string): object => ({
    ...policies[0],
    conditions: [
      {
        displayName: 'c',
        conditionThreshold: {
          filter,
          comparison: 'COMPARISON_GT',
          aggregations: [{ alignmentPeriod: '60s', perSeriesAligner: 'ALIGN_SUM' }],
        },
      },
    ],
  });

  it('refuses filters that name no kind of resource, no metric, or one that there is not', () => {
    const type = 'metric.type="cloudtasks.googleapis.com/queue/depth"';
    const queue = 'resource.type="cloud_tasks_queue"';
    refused(() => call('POST', all(), threshold(type)), 400, /"resource.type"/);
    refused(() => call('POST', all(), threshold(queue)), 400, /"metric.type"/);
    refused(() => call('POST', all(), threshold(`${queue} AND (${type}`)), 400, /ends too early/);
    refused(
      () => call('POST', all(), threshold(`${queue} AND ${type.replace('depth', 'none')}`)),
      400,
      /Cannot find/,
    );
    refused(
      () => call('POST', all(), threshold(`resource.type="global" AND ${type}`)),
      400,
      /of cloud_tasks_queue/,
    );
    assert.ok(call('POST', all(), threshold(`${queue} AND ${type}`))['name']);
  });

  it('does not know a metric from the log at once', () => {
    const [metric] = metrics;
    call('POST', `/v2/projects/${project.id}/metrics`, metric);
    const filter = `resource.type="cloud_run_revision" AND metric.type="logging.googleapis.com/user/${metric?.name}"`;
    refused(() => call('POST', all(), threshold(filter)), 404, /could take up to 10 minutes/);
    monitoringOf(project).isSlow = false;
    assert.ok(call('POST', all(), threshold(filter))['name']);
  });

  it('refuses policies that are not whole', () => {
    const [first] = policies;
    const wrong: [object, RegExp][] = [
      [{ ...first, name: 'projects/p/alertPolicies/1' }, /name must not be set/],
      [{ ...first, combiner: undefined }, /combiner/],
      [{ ...first, conditions: [] }, /1 to 6 conditions/],
      [{ ...first, conditions: [{ displayName: 'c' }] }, /subtype/],
      [{ ...first, conditions: [first?.conditions[0], first?.conditions[0]] }, /the only one/],
      [{ ...first, alertStrategy: {} }, /notification_rate_limit/],
      [{ ...first, userLabels: { 'Not good': 'x' } }, /user_labels/],
      [{ ...first, notificationChannels: ['projects/p/notificationChannels/1'] }, /does not exist/],
    ];
    for (const [policy, message] of wrong) refused(() => call('POST', all(), policy), 400, message);
  });

  it('changes what a mask names, keeps conditions that are named, and refuses a mask that names nothing', () => {
    const made = call('POST', all(), policies[0]) as { name: string; conditions: { name: string }[] };
    const one = `/v3/${made.name}`;
    const changed = call('PATCH', `${one}?updateMask=displayName,conditions`, {
      displayName: 'new',
      conditions: [{ ...made.conditions[0], displayName: 'other' }],
    }) as typeof made & { displayName: string; userLabels: object };
    assert.deepEqual(
      [changed.name, changed.displayName, changed.conditions[0]?.name],
      [made.name, 'new', made.conditions[0]?.name],
    );
    assert.deepEqual(changed.userLabels, policies[0]?.userLabels);
    refused(() => call('PATCH', `${one}?updateMask=a b`, {}), 400, /updateMask/);
    refused(() => call('PATCH', `${all()}/9`, {}), 404, /not found/);
  });

  it('refuses metrics from the log whose names, filters or kinds are wrong, and a change of kind', () => {
    const address = `/v2/projects/${project.id}/metrics`;
    const distribution = metrics.find(({ valueExtractor }) => valueExtractor !== undefined);
    const wrong: [object, RegExp][] = [
      [{ ...distribution, name: '/x' }, /name/],
      [{ ...distribution, filter: 'jsonPayload.message="open' }, /cannot be parsed/],
      [{ ...distribution, filter: 'payload.message="x"' }, /names the field/],
      [{ ...distribution, valueExtractor: undefined }, /value_extractor/],
      [{ ...distribution, labelExtractors: { a: 'EXTRACT(b)' } }, /labels/],
    ];
    for (const [metric, message] of wrong) refused(() => call('POST', address, metric), 400, message);
    call('POST', address, distribution);
    refused(() => call('POST', address, distribution), 409, /exists/);
    const one = `${address}/${encodeURIComponent(String(distribution?.name))}`;
    const counter = { name: distribution?.name, filter: 'severity>=ERROR' };
    refused(() => call('PUT', one, counter), 400, /cannot be changed/);
  });

  it('refuses dashboards whose tiles cover each other or lie outside, and changes of an older version', () => {
    const address = `/v1/projects/${project.id}/dashboards`;
    const tile = { width: 24, height: 4, widget: { logsPanel: { filter: 'severity>=ERROR' } } };
    const of = (...tiles: object[]): object => ({ displayName: 'd', mosaicLayout: { columns: 48, tiles } });
    refused(() => call('POST', address, of(tile, { ...tile, xPos: 23 })), 400, /covers another/);
    refused(() => call('POST', address, of({ ...tile, xPos: 25 })), 400, /outside/);
    refused(() => call('POST', address, { displayName: 'd' }), 400, /layout/);
    const made = call('POST', address, dashboard) as { name: string; etag: string };
    const changed = call('PATCH', `/v1/${made.name}`, { ...dashboard, etag: made.etag });
    assert.equal(changed['name'], made.name);
    refused(() => call('PATCH', `/v1/${made.name}`, { ...dashboard, etag: made.etag }), 409, /etag/);
  });
});
