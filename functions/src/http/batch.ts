import * as z from 'zod/mini';
import { AppError, type ErrorCode } from '../platform/errors.ts';
import { problem } from './problem.ts';
import type { ApiRequest, ApiResponse } from './route.ts';
import { expecting, members, read, type Schema } from './schema.ts';

/** A batch is a list of items in one request, each of which is accepted or refused for itself. */

/** Says which item of a batch was refused, and why. */
interface Rejected {
  index: number;
  code: string;
  message: string;
}

/** The body of a batch; of its items nothing but `item` is described, so that each has its own faults. */
export function batchOf(name: string, item: Schema = z.unknown()): Schema<Record<string, unknown[]>> {
  return members({ [name]: z.array(item, expecting('a list')) }, { hint: `nothing stands beside ${name}` });
}

/**
 * The items of a batch.
 * @throws AppError `invalid_request`, `payload_too_large` for more than `most`.
 */
export function itemsOf(body: unknown, name: string, most: number): unknown[] {
  const { [name]: items = [] } = read(batchOf(name), body, 'body');
  checkCount(items.length, name, most);
  return items;
}

/** @throws AppError `payload_too_large` */
export function checkCount(count: number, name: string, most: number): void {
  if (count <= most) return;
  throw new AppError('payload_too_large', `At most ${most} ${name} fit in a request; these are more.`);
}

/** Accepts items one by one; `isFatal` tells refusals that are of the whole request. */
export function acceptEach<Item extends { index: number }, Accepted>(
  items: Iterable<Item>,
  accept: (item: Item) => Accepted,
  isFatal: (error: AppError) => boolean = () => false,
): { accepted: Accepted[]; rejected: Rejected[] } {
  const accepted: Accepted[] = [];
  const rejected: Rejected[] = [];
  for (const item of items) {
    try {
      accepted.push(accept(item));
    } catch (error) {
      if (!(error instanceof AppError) || isFatal(error)) throw error;
      rejected.push({ index: item.index, code: error.code, message: error.message });
    }
  }
  return { accepted, rejected };
}

/** The code of a batch in which nothing may be done; undefined where something else was wrong as well. */
export function allForbidden(rejected: readonly Rejected[]): ErrorCode | undefined {
  const is = rejected.length > 0 && rejected.every(({ code }) => code === 'forbidden');
  return is ? 'forbidden' : undefined;
}

/** The answer where nothing of a batch was accepted. */
export function nothingAccepted(
  { requestId }: ApiRequest,
  noun: string,
  rejected: readonly Rejected[],
  code: ErrorCode = 'nothing_accepted',
  members: Readonly<Record<string, unknown>> = {},
): ApiResponse {
  const [first] = rejected;
  const detail =
    first === undefined ? `There is no ${noun} in the body.` : `No ${noun} is valid: ${first.message}`;
  return problem(new AppError(code, detail), requestId, { accepted: 0, rejected, ...members });
}
