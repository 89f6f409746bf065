import { STATUS_CODES } from 'node:http';
import { type AppError, errorCodes } from '../platform/errors.ts';
import type { ApiResponse } from './route.ts';

/**
 * An error as RFC 9457 `application/problem+json`. `detail` is always a string, because existing callers log just that;
 * `members` are further ones, such as the rejected items of a batch.
 */
export function problem(
  error: AppError,
  requestId: string,
  members: Readonly<Record<string, unknown>> = {},
): ApiResponse {
  const { status } = errorCodes[error.code];
  const headers: Record<string, string> = { 'content-type': 'application/problem+json' };
  if (error.retryAfterSeconds !== undefined) {
    headers['retry-after'] = String(Math.max(1, Math.ceil(error.retryAfterSeconds)));
  }
  if (status === 401) headers['www-authenticate'] = 'Bearer realm="sluice"';
  return {
    status,
    headers,
    json: {
      type: 'about:blank',
      title: STATUS_CODES[status] ?? 'Error',
      status,
      code: error.code,
      detail: error.message,
      request_id: requestId,
      ...members,
    },
  };
}
