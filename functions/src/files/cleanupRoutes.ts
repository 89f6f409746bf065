import { isObject, readJson } from '../http/body.ts';
import { isEmpty } from '../http/fields.ts';
import type { ApiRequest, Route } from '../http/route.ts';
import { DocumentError } from '../platform/documents.ts';
import { AppError } from '../platform/errors.ts';
import type { CleanupReport } from './cleanup.ts';

const defaultMaxAgeHours = 24;
const maxMaxAgeHours = 24 * 365;

/** `POST /v1/cleanup {max_age_hours}`: what the schedule does each hour, now. */
export function cleanupRoutes(cleanUp: (maxAgeMs: number) => Promise<CleanupReport>): Route[] {
  return [
    {
      method: 'POST',
      path: '/v1/cleanup',
      access: [],
      handle: async (request) => {
        const maxAgeMs = readMaxAgeHours(request) * 3_600_000;
        try {
          return { status: 200, json: await cleanUp(maxAgeMs) };
        } catch (cause) {
          if (!(cause instanceof DocumentError)) throw cause;
          throw new AppError('unavailable', 'Firestore is not available; what was done stays done.', {
            cause,
          });
        }
      },
    },
  ];
}

function readMaxAgeHours(request: ApiRequest): number {
  const body = request.body.length === 0 ? {} : readJson(request);
  const { max_age_hours: given, ...others } = isObject(body) ? body : { body };
  const hours = isEmpty(given) ? defaultMaxAgeHours : given;
  const isFine = typeof hours === 'number' && hours >= 0 && hours <= maxMaxAgeHours;
  if (isFine && Object.keys(others).length === 0) return hours;
  throw new AppError('invalid_request', `Expected {"max_age_hours": 0 to ${maxMaxAgeHours}}.`);
}
