import { duration } from '../ui/format.ts';
import type { ApiError } from './api.ts';
import type { Status } from './status.ts';

/** All that the page knows of the back end. Times are the server's, in ms. */
export interface Feed {
  /** The latest answer, and when it came. */
  status: Status | undefined;
  readAtMs: number;
  /** The latest answer with the queue listed; its figures are of then. */
  detail: { status: Status; atMs: number } | undefined;
  /** The failure of the latest question, and since when how many in a row have failed. */
  failure: { message: string; sinceMs: number; count: number } | undefined;
}

export const emptyFeed: Feed = { status: undefined, readAtMs: 0, detail: undefined, failure: undefined };

/** Figures older than this are shown with their age. */
const staleMs = 45_000;
/** The browser's clock may be off by so much without a word. */
const maxSkewMs = 30_000;
/** The queue is listed by itself where it is no longer, and no more often. */
const maxListedCarriers = 200;
const detailMs = 60_000;

export function withStatus(feed: Feed, status: Status, hasDetail: boolean, nowMs: number): Feed {
  return {
    status,
    readAtMs: nowMs,
    detail: hasDetail ? { status, atMs: nowMs } : feed.detail,
    failure: undefined,
  };
}

export function withFailure(feed: Feed, error: ApiError, nowMs: number): Feed {
  const { sinceMs = nowMs, count = 0 } = feed.failure ?? {};
  return { ...feed, failure: { message: error.message, sinceMs, count: count + 1 } };
}

/** True where Sluice is taken for down: nothing was ever told, or the second question in a row fails. */
export function isSilent({ status, failure }: Feed): boolean {
  return failure !== undefined && (status === undefined || failure.count > 1);
}

/** True for figures that are too old to be shown without their age. */
export function isStale(feed: Feed, nowMs: number): boolean {
  return feed.status !== undefined && nowMs - feed.readAtMs > staleMs;
}

/** True where the next question should list the queue too, which tells how old the oldest event is. */
export function wantsDetail({ status, detail }: Feed, nowMs: number): boolean {
  const queued = status?.backlog?.queued_carriers ?? 0;
  if (queued === 0 || queued > maxListedCarriers) return false;
  return detail === undefined || nowMs - detail.atMs >= detailMs;
}

/** A sentence on a browser's clock that is off; `offsetMs` is the server's clock less the browser's. */
export function skewNote(offsetMs: number): string | undefined {
  if (Math.abs(offsetMs) <= maxSkewMs) return undefined;
  const way = offsetMs > 0 ? 'behind' : 'ahead';
  return `The clock of this device is ${duration(Math.abs(offsetMs))} ${way}. Times and ages here are by the server's clock.`;
}
