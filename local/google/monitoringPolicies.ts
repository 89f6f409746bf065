import { metricsIn, timeSeriesRefusal } from './monitoringFilters.ts';
import type { Named } from './project.ts';

interface Condition {
  name?: string;
  displayName?: string;
  conditionThreshold?: {
    filter?: string;
    aggregations?: { alignmentPeriod?: string; perSeriesAligner?: string }[];
    comparison?: string;
    duration?: string;
  };
  conditionMatchedLog?: { filter?: string };
  conditionPrometheusQueryLanguage?: {
    query?: string;
    duration?: string;
    evaluationInterval?: string;
    disableMetricValidation?: boolean;
  };
}

export interface AlertPolicy extends Named {
  displayName?: string;
  userLabels?: Record<string, string>;
  severity?: string;
  combiner?: string;
  enabled?: boolean;
  conditions?: Condition[];
  notificationChannels?: string[];
  alertStrategy?: { notificationRateLimit?: { period?: string }; autoClose?: string };
  documentation?: { content?: string; mimeType?: string };
}

/** Resources that a policy can name. */
export interface KnownResources {
  channels: ReadonlyMap<string, unknown>;
  logMetrics: ReadonlyMap<string, unknown>;
  /** True while a metric from logs that was made is not known to alert policies yet: up to ten minutes. */
  isSlow: boolean;
}

const kinds = ['conditionThreshold', 'conditionMatchedLog', 'conditionPrometheusQueryLanguage'] as const;

/**
 * The reason for which Cloud Monitoring refuses a policy
 * (https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alertPolicies).
 */
export function policyRefusal(policy: AlertPolicy, known: KnownResources): string | undefined {
  const { displayName = '', combiner = '', conditions = [], severity = 'ERROR', userLabels = {} } = policy;
  if (displayName === '' || displayName.length > 512) return 'display_name must have 1 to 512 characters';
  if (!['OR', 'AND', 'AND_WITH_MATCHING_RESOURCE'].includes(combiner))
    return `combiner ${combiner} is invalid`;
  if (!['CRITICAL', 'ERROR', 'WARNING'].includes(severity)) return `severity ${severity} is invalid`;
  if (conditions.length < 1 || conditions.length > 6) return 'A policy has 1 to 6 conditions';
  if (Buffer.byteLength(policy.documentation?.content ?? '') > 8192) return 'documentation is over 8 KiB';
  const label = Object.entries(userLabels).find(
    (pair) => !pair.every((text) => /^[a-z][a-z\d_-]{0,62}$/.test(text)),
  );
  if (label !== undefined) return `user_labels: ${label.join('=')} is invalid`;
  const channel = policy.notificationChannels?.find((name) => !known.channels.has(name));
  if (channel !== undefined) return `Notification channel ${channel} does not exist`;
  if (!isDuration(policy.alertStrategy?.autoClose, 1800)) return 'auto_close must be 30 minutes or more';
  for (const [index, condition] of conditions.entries()) {
    const reason = conditionRefusal(policy, condition, known);
    if (reason !== undefined)
      return reason.startsWith('Cannot') ? reason : `Field alert_policy.conditions[${index}]: ${reason}`;
  }
  return undefined;
}

function conditionRefusal(
  policy: AlertPolicy,
  condition: Condition,
  known: KnownResources,
): string | undefined {
  if (!condition.displayName) return 'display_name is missing';
  if (kinds.filter((kind) => condition[kind] !== undefined).length !== 1)
    return 'Condition subtype (e.g. "condition_threshold") is absent or unknown';
  const { conditionThreshold: threshold, conditionMatchedLog: match } = condition;
  if (threshold !== undefined) return thresholdRefusal(threshold, known);
  if (match !== undefined) {
    if (policy.conditions?.length !== 1) return 'a condition on log entries must be the only one';
    if (!match.filter) return 'filter is missing';
    const { period } = policy.alertStrategy?.notificationRateLimit ?? {};
    return period !== undefined && isDuration(period, 300) ? undefined : 'notification_rate_limit is missing';
  }
  const prometheus = condition.conditionPrometheusQueryLanguage ?? {};
  if (!prometheus.query) return 'query is missing';
  if (!isDuration(prometheus.duration, 0) || !isDuration(prometheus.evaluationInterval, 30))
    return 'duration and evaluation_interval must be whole multiples of 30 seconds';
  return prometheus.disableMetricValidation ? undefined : 'the existence of metrics cannot be told here';
}

function thresholdRefusal(
  {
    filter = '',
    aggregations = [],
    comparison = '',
    duration = '0s',
  }: NonNullable<Condition['conditionThreshold']>,
  known: KnownResources,
): string | undefined {
  const reason = timeSeriesRefusal(filter);
  if (reason !== undefined) return `condition_threshold.filter: ${reason}`;
  if (!['COMPARISON_GT', 'COMPARISON_LT'].includes(comparison)) return `comparison ${comparison} is invalid`;
  if (!isDuration(duration, 0, 60)) return 'duration must be a multiple of a minute';
  if (aggregations.length === 0) return 'aggregations are missing';
  if (aggregations.some(({ alignmentPeriod, perSeriesAligner }) => !alignmentPeriod || !perSeriesAligner))
    return 'aggregations lack a period or an aligner';
  const ofLogs = metricsIn(filter).find((type) => type.startsWith('logging.googleapis.com/user/'));
  if (ofLogs === undefined) return undefined;
  if (!known.isSlow && known.logMetrics.has(ofLogs.slice(28))) return undefined;
  return `Cannot find metric(s) that match type = "${ofLogs}". If a metric was created recently, it could take up to 10 minutes to become available. Please try again soon.`;
}

function isDuration(text: string | undefined, leastSeconds: number, step = 30): boolean {
  if (text === undefined) return true;
  const [, seconds] = /^(\d+)s$/.exec(text) ?? [];
  return seconds !== undefined && Number(seconds) >= leastSeconds && Number(seconds) % step === 0;
}
