import { type BilledType, billedTypes } from '../quota/operations.ts';
import { parkedReasons, type Status } from './status.ts';

/** The format's media type, and as answers name it: https://prometheus.io/docs/specs/om/open_metrics_spec/ */
export const openMetricsType = 'application/openmetrics-text';
export const openMetricsContentType = `${openMetricsType}; version=1.0.0; charset=utf-8`;

interface Metric {
  name: string;
  type: 'gauge' | 'counter';
  help: string;
  unit?: 'seconds' | 'bytes';
  samples: Sample[];
}

/** A value with its labels; one that is not known has no sample. */
interface Sample {
  labels?: Readonly<Record<string, string>>;
  value: number | boolean | null | undefined;
}

type PerType = Readonly<Record<BilledType, number | null>>;

/** A status as OpenMetrics text: what is alike on every instance, so that it does not matter which one answers. */
export function openMetrics(status: Status): string {
  const metrics = [...queueMetrics(status), ...storageMetrics(status), ...quotaMetrics(status)];
  return `${metrics.map(metricText).join('')}# EOF\n`;
}

function queueMetrics({ backlog }: Status): Metric[] {
  const isKnown = backlog.queued_carriers !== null;
  return [
    gauge(
      'sluice_queue_carriers',
      'Carriers that wait in Cloud Tasks, as it estimates.',
      backlog.queued_carriers,
    ),
    {
      ...gauge(
        'sluice_queue_next_dispatch_timestamp_seconds',
        'Time of the next dispatch; past: it is late.',
      ),
      unit: 'seconds',
      samples: [{ value: epochSeconds(backlog.next_dispatch_at) }],
    },
    {
      ...gauge('sluice_queue_parked', 'Whether work waits, for this reason.'),
      samples: parkedReasons.map((reason) => ({
        labels: { reason },
        value: isKnown ? backlog.parked_reason === reason : null,
      })),
    },
  ];
}

function storageMetrics({ dead_letters: letters, file_manager: files }: Status): Metric[] {
  const folders = Object.entries(files.local_storage ?? {});
  return [
    gauge('sluice_dead_letters', 'Events that could not be applied and wait for somebody.', letters.count),
    {
      ...gauge('sluice_files', 'Files in Cloud Storage by folder.'),
      samples: folders.map(([folder, { files: value }]) => ({ labels: { folder }, value })),
    },
    {
      ...gauge('sluice_files_size_bytes', 'Bytes of the files in Cloud Storage by folder.'),
      unit: 'bytes',
      samples: folders.map(([folder, { bytes: value }]) => ({ labels: { folder }, value })),
    },
    gauge('sluice_firestore_files', 'Files whose bytes are in Firestore.', files.firestore_files),
  ];
}

function quotaMetrics({ quota_monitor: quota }: Status): Metric[] {
  if (quota.current_usage === null) return [];
  const { current_usage: usage, quota_limits: limits, by_cause: byPurpose, history } = quota;
  const purposes = Object.entries(byPurpose);
  return [
    {
      name: 'sluice_firestore_operations',
      type: 'counter',
      help: 'Billed operations of Firestore since the ledger began.',
      samples: byType((type) => usage[type].total),
    },
    {
      ...gauge('sluice_firestore_operations_today', 'Billed operations of the quota day by purpose.'),
      samples: purposes.flatMap(([purpose, operations]) => byType((type) => operations[type], { purpose })),
    },
    perTypeGauge(
      'sluice_firestore_operations_per_second',
      'Billed operations a second over the last minutes.',
      (type) => usage[type].per_second,
    ),
    perTypeGauge(
      'sluice_firestore_charged_today',
      'Operations of the daily budget that are granted or spent.',
      (type) => quota.charged_today[type],
    ),
    perTypeGauge(
      'sluice_firestore_daily_budget',
      'Operations of the daily budget, where there is one.',
      (type) => limits[`${type}_per_day`],
    ),
    perTypeGauge(
      'sluice_firestore_rate_limit',
      'Operations a second that are granted at most.',
      (type) => quota.rate_limits[`${type}_per_second`],
    ),
    {
      name: 'sluice_written',
      type: 'counter',
      help: 'Answers, tasks, changes of their fields, operations and files that were written since the ledger began.',
      samples: (['responses', 'tasks', 'changes', 'operations', 'files'] as const).map((kind) => ({
        labels: { kind },
        value: history.total[kind],
      })),
    },
    {
      name: 'sluice_carriers',
      type: 'counter',
      help: 'Carriers that flushes worked off since the ledger began.',
      samples: [{ value: history.total.carriers }],
    },
    {
      name: 'sluice_polls',
      type: 'counter',
      help: 'Polls that reached a function since the ledger began.',
      samples: [{ value: history.total.polls }],
    },
    gauge('sluice_quota_live_leases', 'Leases that are spent from.', quota.live_leases),
    gauge(
      'sluice_quota_throttle_multiplier',
      'Waits are this much longer than usual.',
      quota.throttling.multiplier,
    ),
    gauge('sluice_quota_emergencies', 'Emergencies among the recent warnings.', quota.errors.length),
  ];
}

function gauge(name: string, help: string, value?: Sample['value']): Metric {
  return { name, type: 'gauge', help, samples: [{ value }] };
}

function perTypeGauge(name: string, help: string, value: (type: keyof PerType) => Sample['value']): Metric {
  return { ...gauge(name, help), samples: byType(value) };
}

function byType(value: (type: BilledType) => Sample['value'], labels: Sample['labels'] = {}): Sample[] {
  return billedTypes.map((operation) => ({ labels: { ...labels, operation }, value: value(operation) }));
}

function metricText({ name, type, help, unit, samples }: Metric): string {
  const suffix = type === 'counter' ? '_total' : '';
  const lines = samples.flatMap(({ labels, value }) =>
    value === null || value === undefined ? [] : [`${name}${suffix}${labelsText(labels)} ${Number(value)}\n`],
  );
  if (lines.length === 0) return '';
  const about = [
    `# TYPE ${name} ${type}\n`,
    unit ? `# UNIT ${name} ${unit}\n` : '',
    `# HELP ${name} ${help}\n`,
  ];
  return [...about, ...lines].join('');
}

function labelsText(labels: Sample['labels'] = {}): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(text: string): string {
  return text.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`));
}

function epochSeconds(moment: string | null): number | null {
  return moment === null ? null : Date.parse(moment) / 1000;
}
