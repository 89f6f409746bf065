import { type Feed, isSilent, isStale } from '../feed/feed.ts';
import type { Status } from '../feed/status.ts';
import { counted, duration, number, time } from '../ui/format.ts';
import type { Tone } from '../ui/tone.ts';

/** One thing that is so, with its reason and what to do. */
interface Finding {
  /** The same for as long as this is so, whatever its figures: a change of it is announced. */
  case: string;
  tone: Tone | 'unknown';
  headline: string;
  detail: string;
  /** The id of the view where something can be done about it. */
  place?: string;
}

/** The answer to "Is my data safe?": the gravest finding, and the headlines of the others. */
export interface Verdict extends Finding {
  also: string[];
}

/** An event that waits longer deserves a look, unless it is to be buffered longer. */
const lateMs = 10 * 60_000;

const kept = 'Answers that got a 202 are kept all the same.';

/** Judges what is known; `nowMs` is the server's time. */
export function verdict(feed: Feed, nowMs: number): Verdict {
  const [gravest, ...others] = findings(feed, nowMs);
  return { ...gravest, also: others.map(({ headline }) => headline) };
}

/** The findings, the gravest first. */
function findings(feed: Feed, nowMs: number): [Finding, ...Finding[]] {
  const { status } = feed;
  const silence = silent(feed, nowMs);
  if (silence !== undefined) return [silence];
  // Figures are old without a failure where nobody looked at the page: a hidden tab, a computer that slept.
  if (status === undefined || isStale(feed, nowMs)) return [asking(feed, nowMs)];
  const [first, ...more] = [letters(status), parked(status, nowMs), slowed(status), late(feed, nowMs)].filter(
    (found) => found !== undefined,
  );
  return first === undefined ? [flowing(feed, status, nowMs)] : [first, ...more];
}

function asking(feed: Feed, nowMs: number): Finding {
  return { case: 'asking', tone: 'unknown', headline: 'Asking Sluice …', detail: figuresOf(feed, nowMs) };
}

function silent(feed: Feed, nowMs: number): Finding | undefined {
  const { failure } = feed;
  if (failure === undefined || !isSilent(feed)) return undefined;
  const parts = [failure.message, figuresOf(feed, nowMs), kept];
  return {
    case: 'silent',
    tone: 'bad',
    headline: `Sluice does not answer since ${time(failure.sinceMs, nowMs)}`,
    detail: parts.filter((part) => part !== '').join(' '),
  };
}

function figuresOf({ status, readAtMs }: Feed, nowMs: number): string {
  return status === undefined ? '' : `The figures here are of ${time(readAtMs, nowMs, true)}.`;
}

function letters({ dead_letters: found }: Status): Finding | undefined {
  const count = found?.count ?? 0;
  if (count === 0) return undefined;
  const atLeast = found?.is_exact === false ? `At least ${number(count)}` : number(count);
  return {
    case: 'letters',
    tone: 'bad',
    headline: count === 1 ? '1 dead letter needs you' : `${atLeast} dead letters need you`,
    detail:
      'Events that cannot be written as they are stay in the bucket: an admin sees why, and replays or drops them.',
    place: 'dead-letters',
  };
}

function parked(status: Status, nowMs: number): Finding | undefined {
  const { parked_reason: reason, parked_until: end, queued_carriers: queued } = status.backlog ?? {};
  if (!reason) return undefined;
  const endMs = Date.parse(end ?? '');
  const until = Number.isFinite(endMs) ? ` until ${time(endMs, nowMs)}` : '';
  const waits =
    queued === null || queued === undefined
      ? 'Events that come meanwhile are kept'
      : `${counted(queued, 'carrier is', 'carriers are')} kept`;
  if (reason === 'paused') {
    return {
      case: 'paused',
      tone: 'warn',
      headline: `Writing is paused${until}`,
      detail: `Somebody paused it, and an admin can resume it. ${waits} in Cloud Tasks.`,
      place: 'queue',
    };
  }
  return {
    case: 'budget',
    tone: 'warn',
    headline: `Writing waits for the daily budget${until}`,
    detail: `The ${reason.replace(/^daily_/, '')} of the day are spent. ${waits} in Cloud Tasks.`,
  };
}

function slowed({ quota_monitor: quota }: Status): Finding | undefined {
  const { enabled, multiplier, max_multiplier: most } = quota?.throttling ?? {};
  if (!enabled) return undefined;
  return {
    case: 'slowed',
    tone: 'warn',
    headline: `Writing is slowed ${number(multiplier)}-fold`,
    detail: `The quota is nearly used, or Firestore refused more. It slows down to ${number(most)}-fold; nothing is lost.`,
  };
}

function late(feed: Feed, nowMs: number): Finding | undefined {
  const ageMs = oldestAgeMs(feed, nowMs);
  const { buffer_timeout: bufferSeconds } = feed.status?.response_aggregator ?? {};
  if (ageMs === undefined || ageMs <= Math.max(lateMs, (bufferSeconds ?? 0) * 2000)) return undefined;
  if (feed.status?.backlog?.parked_reason) return undefined;
  return {
    case: 'late',
    tone: 'warn',
    headline: `An event waits for ${duration(ageMs)}`,
    detail: 'The quota, Firestore, or a version that cannot read it holds it up. It is kept in Cloud Tasks.',
  };
}

function flowing(feed: Feed, status: Status, nowMs: number): Finding {
  const queued = status.backlog?.queued_carriers;
  if (queued === null || queued === undefined) {
    return {
      case: 'unknown',
      tone: 'unknown',
      headline: 'Sluice cannot tell what waits',
      detail: `It answers, but cannot see its queue now. ${kept}`,
    };
  }
  if (queued > 0) {
    const ageMs = oldestAgeMs(feed, nowMs);
    return {
      case: 'flowing',
      tone: 'good',
      headline: `${counted(queued, 'carrier waits', 'carriers wait')}${ageMs === undefined ? '' : `, the oldest ${duration(ageMs)}`}`,
      detail: 'Cloud Tasks keeps them. Each is written once enough answers are together, or its wait ends.',
    };
  }
  if (isFresh(status)) {
    return {
      case: 'fresh',
      tone: 'info',
      headline: 'Nothing has come yet',
      detail: 'Sluice runs and waits for its first answer.',
    };
  }
  const answers = status.quota_monitor?.history?.today.counts.responses;
  const since = Date.parse(status.quota_monitor?.history?.today.start ?? '');
  const isCounted = answers !== undefined && answers > 0 && Number.isFinite(since);
  return {
    case: 'written',
    tone: 'good',
    headline: isCounted ? `All ${counted(answers, 'answer')} are written` : 'Everything is written',
    detail: isCounted ? `As far as reported since ${time(since, nowMs)}. Nothing waits.` : 'Nothing waits.',
  };
}

/** Age of the oldest event that waits, as far as the queue was listed lately; undefined where that is not known. */
export function oldestAgeMs({ status, detail }: Feed, nowMs: number): number | undefined {
  const age = detail?.status.backlog?.oldest_event_age_seconds;
  const isQueued = status?.backlog?.queued_carriers !== 0;
  if (detail === undefined || age === null || age === undefined || !isQueued) return undefined;
  // The oldest may be written since: an older listing tells nothing.
  const sinceMs = nowMs - detail.atMs;
  return sinceMs > listedMs ? undefined : age * 1000 + sinceMs;
}

const listedMs = 90_000;

/** True where nothing was ever sent, as far as the figures tell. */
export function isFresh({
  quota_monitor: quota,
  backlog,
  file_manager: files,
  dead_letters: dead,
}: Status): boolean {
  const { history, current_usage: usage } = quota ?? {};
  if (!history || !usage || backlog?.queued_carriers !== 0) return false;
  const { responses, tasks, operations, carriers } = history.month.counts;
  return (
    responses + tasks + operations + carriers + usage.writes.total === 0 &&
    (files?.total_files ?? 0) === 0 &&
    (dead?.count ?? 0) === 0
  );
}
