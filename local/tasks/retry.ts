/** Rules by which a failed dispatch is repeated. */
export interface RetryConfig {
  /** -1: without end. */
  maxAttempts: number;
  minBackoffSeconds: number;
  maxBackoffSeconds: number;
  /** The number of times that the pause doubles before it grows by equal steps. */
  maxDoublings: number;
  /** 0: the task's age does not matter. */
  maxRetrySeconds: number;
}

/** Cloud Tasks' settings of a queue that sets nothing (cloudtasks.proto, RetryConfig). */
export const defaultRetryConfig: RetryConfig = {
  maxAttempts: 100,
  minBackoffSeconds: 0.1,
  maxBackoffSeconds: 3600,
  maxDoublings: 16,
  maxRetrySeconds: 0,
};

/** The pause in ms before the next attempt, after this many failed ones (1 or more). */
export function backoffMs(config: RetryConfig, failedAttempts: number): number {
  const doublings = Math.min(failedAttempts - 1, config.maxDoublings);
  const steps = Math.max(1, failedAttempts - config.maxDoublings);
  const seconds = config.minBackoffSeconds * 2 ** doublings * steps;
  return Math.round(Math.min(seconds, config.maxBackoffSeconds) * 1000);
}

/** True when no further attempt follows: attempts and age are both used up (cloudtasks.proto, RetryConfig). */
export function isExhausted(
  config: RetryConfig,
  failedAttempts: number,
  sinceFirstAttemptMs: number,
): boolean {
  if (config.maxAttempts < 0 || failedAttempts < config.maxAttempts) return false;
  return sinceFirstAttemptMs >= config.maxRetrySeconds * 1000;
}
