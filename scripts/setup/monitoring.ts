import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type GoogleApi, GoogleError } from '../google/googleApi.ts';
import { isWithin } from './within.ts';

const files = join(import.meta.dirname, '../../monitoring');
const logging = 'https://logging.googleapis.com/v2';
const monitoring = 'https://monitoring.googleapis.com';

/** The label, of this name in every policy and dashboard of Sluice, says which of its files made it. */
const ownLabel = 'sluice';

interface LogMetric {
  name: string;
  [field: string]: unknown;
}

interface Policy {
  name?: string;
  displayName: string;
  userLabels?: Record<string, string>;
  conditions: { name?: string }[];
  notificationChannels?: string[];
  [field: string]: unknown;
}

interface Dashboard {
  name?: string;
  displayName: string;
  etag?: string;
  labels?: Record<string, string>;
  [field: string]: unknown;
}

interface Channel {
  name: string;
  type: string;
  labels?: Record<string, string>;
  enabled?: boolean;
}

interface MonitoringOptions {
  /** Address that alerts are sent to; without one they are shown in the console alone. */
  notify?: string | undefined;
  isDryRun: boolean;
  say(line: string): void;
}

/**
 * Reads the files of `monitoring/`. Alerts look at the log's lines themselves: of a metric from the log that was just
 * made, policies know nothing for up to ten minutes.
 */
export function monitoringFiles(): { metrics: LogMetric[]; policies: Policy[]; dashboard: Dashboard } {
  const read = (path: string) => JSON.parse(readFileSync(join(files, path), 'utf8'));
  const all = (folder: string) =>
    readdirSync(join(files, folder))
      .sort()
      .map((name) => read(`${folder}/${name}`));
  return { metrics: all('metrics'), policies: all('alerts'), dashboard: read('dashboard.json') };
}

/**
 * Makes metrics, alerts and the dashboard of `monitoring/` in a project, or brings those that are there up to date; all
 * that is not Sluice's stays as it is. Can be run again.
 * @throws Error that says which role is missing, or which API is off.
 */
export async function setUpMonitoring(
  api: GoogleApi,
  project: string,
  options: MonitoringOptions,
): Promise<void> {
  try {
    await enableApis(api, project, options);
    await setUp(new Installer(api, project, options), options);
  } catch (error) {
    throw error instanceof GoogleError && error.status === 403 ? explained(error, project) : error;
  }
}

async function enableApis(
  api: GoogleApi,
  project: string,
  { isDryRun, say }: MonitoringOptions,
): Promise<void> {
  const services = `https://serviceusage.googleapis.com/v1/projects/${project}/services`;
  const off: string[] = [];
  for (const name of ['logging.googleapis.com', 'monitoring.googleapis.com']) {
    const { state } = await api.call<{ state?: string }>('GET', `${services}/${name}`);
    if (state !== 'ENABLED') off.push(name);
  }
  if (off.length === 0) return;
  if (isDryRun)
    throw new Error(`Would switch on ${off.join(' and ')}; only then it can be told what else is missing.`);
  say(`Switching on ${off.join(' and ')}.`);
  await api.call('POST', `${services}:batchEnable`, { serviceIds: off });
}

function explained(error: GoogleError, project: string): Error {
  if (error.reason === 'SERVICE_DISABLED') {
    const message = 'An API that was just switched on is not ready yet: run this again in some minutes.';
    return new Error(message, { cause: error });
  }
  const grant = (role: string): string =>
    `  gcloud projects add-iam-policy-binding ${project} --member=user:YOUR_ADDRESS --role=${role}`;
  return new Error(
    [
      `You may not set up monitoring in ${project} (${error.message}). Have an owner run:`,
      grant('roles/monitoring.editor'),
      grant('roles/logging.configWriter'),
    ].join('\n'),
    { cause: error },
  );
}

async function setUp(installer: Installer, { notify, say }: MonitoringOptions): Promise<void> {
  const { metrics, policies, dashboard } = monitoringFiles();
  for (const metric of metrics) await installer.metric(metric);
  const channel = notify === undefined ? undefined : await installer.channel(notify);
  const present = await installer.list<Policy>('v3', 'alertPolicies');
  for (const policy of policies) await installer.policy(policy, present, channel);
  const dashboards = await installer.list<Dashboard>('v1', 'dashboards');
  await installer.dashboard(dashboard, dashboards);
  if (notify === undefined && !present.some(hasChannel))
    say('Alerts are shown in the console alone: --notify ADDRESS has them sent.');
}

function hasChannel({ userLabels, notificationChannels = [] }: Policy): boolean {
  return userLabels?.[ownLabel] !== undefined && notificationChannels.length > 0;
}

/** Makes single resources; one call after the other, as Cloud Monitoring asks for. */
class Installer {
  readonly #api: GoogleApi;
  readonly #project: string;
  readonly #options: MonitoringOptions;

  constructor(api: GoogleApi, project: string, options: MonitoringOptions) {
    this.#api = api;
    this.#project = `projects/${project}`;
    this.#options = options;
  }

  list<Resource>(version: string, kind: string): Promise<Resource[]> {
    return this.#api.list(`${monitoring}/${version}/${this.#project}/${kind}`, kind);
  }

  async metric(wanted: LogMetric): Promise<void> {
    const all = `${logging}/${this.#project}/metrics`;
    const one = `${all}/${encodeURIComponent(wanted.name)}`;
    const present = await this.#api.get<LogMetric>(one);
    const change = present
      ? () => this.#api.call('PUT', one, wanted)
      : () => this.#api.call('POST', all, wanted);
    await this.#make(`Metric ${wanted.name}`, present, wanted, change);
  }

  /** The channel's name; undefined for one that only a later run makes. */
  async channel(address: string): Promise<string | undefined> {
    const channels = await this.list<Channel>('v3', 'notificationChannels');
    const present = channels.find(
      ({ type, labels, enabled }) =>
        type === 'email' && labels?.['email_address'] === address && enabled !== false,
    );
    const wanted = { type: 'email', displayName: `Sluice: ${address}`, labels: { email_address: address } };
    let name = present?.name;
    // Somebody else's channel to the same address serves as well, and stays as it is.
    await this.#make(`Notifications to ${address}`, present, present ?? wanted, async () => {
      const url = `${monitoring}/v3/${this.#project}/notificationChannels`;
      ({ name } = await this.#api.call<Channel>('POST', url, {
        ...wanted,
        userLabels: { [ownLabel]: 'alerts' },
      }));
    });
    return name;
  }

  /** An operator may switch a policy off, label it and choose its channels; all else is the file's. */
  async policy(file: Policy, all: readonly Policy[], channel: string | undefined): Promise<void> {
    const present = all.find(({ userLabels }) => userLabels?.[ownLabel] === file.userLabels?.[ownLabel]);
    const channels = new Set([...(present?.notificationChannels ?? []), ...(channel ? [channel] : [])]);
    const wanted: Policy = {
      ...file,
      userLabels: { ...present?.userLabels, ...file.userLabels },
      // A condition that is named goes on, and so do its incidents.
      conditions: file.conditions.map((condition, index) => ({
        ...(present?.conditions[index]?.name && { name: present.conditions[index].name }),
        ...condition,
      })),
      notificationChannels: [...channels],
    };
    await this.#make(`Alert “${file.displayName}”`, present, wanted, async () => {
      if (present === undefined)
        return this.#api.call('POST', `${monitoring}/v3/${this.#project}/alertPolicies`, wanted);
      const mask = Object.keys(wanted).join(',');
      return this.#api.call('PATCH', `${monitoring}/v3/${present.name}?updateMask=${mask}`, {
        ...wanted,
        name: present.name,
      });
    });
  }

  async dashboard(file: Dashboard, all: readonly Dashboard[]): Promise<void> {
    const present = all.find(({ labels }) => labels?.[ownLabel] === file.labels?.[ownLabel]);
    const wanted = { ...file, labels: { ...present?.labels, ...file.labels } };
    await this.#make(`Dashboard “${file.displayName}”`, present, wanted, () => {
      if (present === undefined)
        return this.#api.call('POST', `${monitoring}/v1/${this.#project}/dashboards`, wanted);
      const { name, etag } = present;
      return this.#api.call('PATCH', `${monitoring}/v1/${name}`, { ...wanted, name, etag });
    });
  }

  /** Makes a resource so, unless it is, and says so. */
  async #make(
    what: string,
    present: object | undefined,
    wanted: object,
    make: () => Promise<unknown>,
  ): Promise<void> {
    const { isDryRun, say } = this.#options;
    if (present !== undefined && isWithin(wanted, present)) return say(`${what}: is so already.`);
    const verb = present === undefined ? 'made' : 'brought up to date';
    if (isDryRun) return say(`${what}: would be ${verb}.`);
    await make();
    say(`${what}: ${verb}.`);
  }
}
