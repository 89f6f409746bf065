import { type Feed, isStale } from '../app/feed.ts';
import { counted, duration, number, time } from '../ui/format.ts';
import type { Tone } from '../ui/tone.ts';

/** The answer to "Is my data safe?" */
export interface Verdict {
  tone: Tone | 'unknown';
  headline: string;
  /** Says why, and what to do. */
  detail: string;
  /** The same for as long as the case is the same, whatever its figures: what is announced when it changes. */
  case: string;
}

/** An event that waits longer without a reason deserves a look: a minute's buffer, a tick and some retries. */
const lateMs = 10 * 60_000;

/** Judges what is known at `nowMs` of the server's clock. */
export function verdict(feed: Feed, nowMs: number): Verdict {
  const { status, failure } = feed;
  if (status === undefined) return withoutFigures(feed, nowMs);
  const { backlog } = status;
  const letters = status.dead_letters?.count;
  if (failure !== undefined || isStale(feed, nowMs)) {
    const sinceMs = failure?.sinceMs ?? feed.readAtMs;
    return {
      case: 'unreachable',
      tone: 'bad',
      headline: `Sluice does not answer since ${time(sinceMs, nowMs)}`,
      detail: `${failure?.message ?? 'No new figures came.'} The figures below are of ${time(feed.readAtMs, nowMs)}. Answers that got a 202 are kept all the same.`,
    };
  }
  if (letters !== null && letters !== undefined && letters > 0) {
    return {
      case: 'letters',
      tone: 'bad',
      headline: letters === 1 ? '1 dead letter needs you' : `${number(letters)} dead letters need you`,
      detail:
        'An event could not be written as it is. It is kept in the bucket: look at its reason, then replay or drop it.',
    };
  }
  return waiting(feed, backlog?.queued_carriers, nowMs);
}

function withoutFigures({ failure }: Feed, nowMs: number): Verdict {
  if (failure === undefined)
    return { case: 'loading', tone: 'unknown', headline: 'Asking Sluice …', detail: '' };
  return {
    case: 'unreachable',
    tone: 'bad',
    headline: `Sluice does not answer since ${time(failure.sinceMs, nowMs)}`,
    detail: failure.message,
  };
}

function waiting(feed: Feed, queued: number | null | undefined, nowMs: number): Verdict {
  const backlog = feed.status?.backlog;
  const waits = queued === null || queued === undefined ? 'What waits' : counted(queued, 'carrier');
  const until = backlog?.parked_until ? ` until ${time(Date.parse(backlog.parked_until), nowMs)}` : '';
  const reason = backlog?.parked_reason;
  if (reason === 'paused') {
    return {
      case: 'paused',
      tone: 'warn',
      headline: `Writing is paused${until}`,
      detail: `${waits} is kept in Cloud Tasks meanwhile. An administrator paused it, and can resume it.`,
    };
  }
  if (reason?.startsWith('daily_')) {
    return {
      case: 'budget',
      tone: 'warn',
      headline: `Writing waits for the daily budget${until}`,
      detail: `Today's ${reason.slice('daily_'.length)} are spent. ${waits} is kept in Cloud Tasks meanwhile.`,
    };
  }
  if (queued === null || queued === undefined) {
    return {
      case: 'unknown',
      tone: 'unknown',
      headline: 'Sluice cannot tell what waits',
      detail: 'It answers, but its queue does not. Answers that got a 202 are kept all the same.',
    };
  }
  if (queued === 0) {
    return { case: 'written', tone: 'good', headline: 'Everything is written', detail: 'Nothing waits.' };
  }
  const { detail } = feed;
  const age = detail?.status.backlog?.oldest_event_age_seconds;
  const ageMs =
    age === null || age === undefined || detail === undefined ? undefined : age * 1000 + nowMs - detail.atMs;
  const oldest = ageMs === undefined ? '' : `, the oldest event ${duration(ageMs)} old`;
  const isLate = ageMs !== undefined && ageMs > lateMs;
  return {
    case: isLate ? 'late' : 'waiting',
    tone: isLate ? 'warn' : 'good',
    headline: `${counted(queued, 'carrier waits', 'carriers wait')}${oldest}`,
    detail: isLate
      ? 'Something holds them up.'
      : 'They are kept in Cloud Tasks and are written when their wait ends.',
  };
}
