import { invalidArgument } from './errors.ts';
import { limits } from './limits.ts';
import type { QueueConfig } from './queue.ts';
import { defaultRetryConfig } from './retry.ts';

/** Throws INVALID_ARGUMENT for settings that Cloud Tasks refuses (cloudtasks.proto, RateLimits and RetryConfig). */
export function checkConfig({ rateLimits = {}, retryConfig = {} }: QueueConfig): void {
  const { maxDispatchesPerSecond, maxConcurrentDispatches } = rateLimits;
  const { maxAttempts, minBackoffSeconds, maxBackoffSeconds } = { ...defaultRetryConfig, ...retryConfig };
  atMost('max_dispatches_per_second', maxDispatchesPerSecond, limits.maxDispatchesPerSecond);
  atMost('max_concurrent_dispatches', maxConcurrentDispatches, limits.maxConcurrentDispatches);
  if (maxAttempts < -1 || maxAttempts === 0)
    throw invalidArgument('RetryConfig.max_attempts must be -1 or at least 1.');
  if (minBackoffSeconds > maxBackoffSeconds)
    throw invalidArgument('RetryConfig.min_backoff must not be above max_backoff.');
}

/** The old settings, with the new ones in the fields of an update mask. Throws INVALID_ARGUMENT for other fields. */
export function masked(old: QueueConfig, wanted: QueueConfig, paths: string[]): QueueConfig {
  const result: { [group: string]: Record<string, unknown> } = {
    rateLimits: { ...old.rateLimits },
    retryConfig: { ...old.retryConfig },
  };
  const given: { [group: string]: Record<string, unknown> } = {
    rateLimits: { ...wanted.rateLimits },
    retryConfig: { ...wanted.retryConfig },
  };
  for (const path of paths) {
    const [group, field] = fieldOf(path);
    if (field === undefined) result[group] = { ...given[group] };
    else result[group] = { ...without(result[group], field), ...only(given[group], field) };
  }
  return { name: old.name, ...result };
}

const fields: Record<string, [group: string, field?: string]> = {
  rate_limits: ['rateLimits'],
  'rate_limits.max_dispatches_per_second': ['rateLimits', 'maxDispatchesPerSecond'],
  'rate_limits.max_concurrent_dispatches': ['rateLimits', 'maxConcurrentDispatches'],
  retry_config: ['retryConfig'],
  'retry_config.max_attempts': ['retryConfig', 'maxAttempts'],
  'retry_config.min_backoff': ['retryConfig', 'minBackoffSeconds'],
  'retry_config.max_backoff': ['retryConfig', 'maxBackoffSeconds'],
  'retry_config.max_doublings': ['retryConfig', 'maxDoublings'],
  'retry_config.max_retry_duration': ['retryConfig', 'maxRetrySeconds'],
};

function fieldOf(path: string): [group: string, field?: string] {
  const found = fields[path];
  if (found === undefined) throw invalidArgument(`A queue's "${path}" cannot be changed.`);
  return found;
}

function without(values: Record<string, unknown> = {}, field: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([name]) => name !== field));
}

function only(values: Record<string, unknown> = {}, field: string): Record<string, unknown> {
  return field in values ? { [field]: values[field] } : {};
}

function atMost(field: string, value: number | undefined, max: number): void {
  if (value !== undefined && !(value > 0 && value <= max))
    throw invalidArgument(`RateLimits.${field} must be above 0 and at most ${max}.`);
}
