import { ApiError } from '../feed/api.ts';
import { duration } from '../ui/format.ts';

/** Says of a failed question or action what the server says, and what to do. */
export function troubleOf(error: unknown, isAction = true): string {
  if (!(error instanceof ApiError)) return 'Something failed in this page. Load it again.';
  const advice = adviceFor(error, isAction);
  return advice === '' ? error.message : `${error.message} ${advice}`;
}

/** True where the back end cannot take more of the same now. */
export function isOutage(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 0 || error.status === 429 || error.status >= 500);
}

function adviceFor({ status, retryAfterMs }: ApiError, isAction: boolean): string {
  if (status === 401) return 'Sign in again.';
  if (status === 403) return 'Sign in with a key of that role.';
  if (retryAfterMs !== undefined) return `Try again in ${duration(retryAfterMs)}.`;
  if (status !== 0 && status < 500) return '';
  return isAction ? 'It may have been done all the same: look before you repeat it.' : 'Try again soon.';
}
