import assert from 'node:assert/strict';
import type { Feed } from '../../dashboard/src/feed/feed.ts';
import type { Status } from '../../dashboard/src/feed/status.ts';
import { isFresh, oldestAgeMs, verdict } from '../../dashboard/src/overview/verdict.ts';
import { time } from '../../dashboard/src/ui/format.ts';
import { startMs } from '../support/clock.ts';
import { feedOf, goodStatus } from './sample.ts';

const at = (ms: number): string => time(ms, startMs);

describe('the verdict on whether the data is safe', () => {
  const judge = (status: Status | undefined, more: Partial<Feed> = {}, nowMs = startMs) =>
    verdict(feedOf(status, more), nowMs);
  const brief = (found: ReturnType<typeof verdict>) => [found.tone, found.headline];

  it('says that all answers of the day are written, and since when', () => {
    const found = judge(goodStatus());
    assert.deepEqual(brief(found), ['good', 'All 1,000 answers are written']);
    assert.match(found.detail, new RegExp(at(startMs)));
    assert.deepEqual(found.also, []);
  });

  it('names no number where the history is unknown or there were none today', () => {
    const unknown = { ...goodStatus(), quota_monitor: null };
    assert.deepEqual(brief(judge(unknown)), ['good', 'Everything is written']);
    const { quota_monitor: quota, ...rest } = goodStatus();
    const none = { ...rest, quota_monitor: { ...quota, history: null } };
    assert.deepEqual(brief(judge(none)), ['good', 'Everything is written']);
  });

  it('says how many carriers wait, and how old the oldest event is where the queue was listed', () => {
    const waiting = { ...goodStatus(), backlog: { queued_carriers: 12 } };
    assert.deepEqual(brief(judge(waiting)), ['good', '12 carriers wait']);
    const listed = { ...waiting, backlog: { queued_carriers: 12, oldest_event_age_seconds: 40 } };
    const detail = { status: listed, atMs: startMs };
    assert.deepEqual(brief(judge(waiting, { detail })), ['good', '12 carriers wait, the oldest 40 s']);
    const one = { ...goodStatus(), backlog: { queued_carriers: 1 } };
    assert.deepEqual(brief(judge(one)), ['good', '1 carrier waits']);
  });

  it('warns of an event that waits for longer than it should, but not of one that is to be buffered so long', () => {
    const late = { ...goodStatus(), backlog: { queued_carriers: 1, oldest_event_age_seconds: 601 } };
    const detail = { status: late, atMs: startMs };
    assert.deepEqual(brief(judge(late, { detail })), ['warn', 'An event waits for 10 min']);
    const buffered = { ...late, response_aggregator: { buffer_timeout: 3600 } };
    assert.equal(judge(buffered, { detail }).tone, 'good');
  });

  it('says that writing is paused, until when, and what waits', () => {
    const untilMs = startMs + 3_600_000;
    const parked_until = new Date(untilMs).toISOString();
    const paused = {
      ...goodStatus(),
      backlog: { queued_carriers: 5, parked_reason: 'paused', parked_until },
    };
    const found = judge(paused);
    assert.deepEqual(brief(found), ['warn', `Writing is paused until ${at(untilMs)}`]);
    assert.match(found.detail, /5 carriers are kept/);
    const endless = { ...paused, backlog: { parked_reason: 'paused', parked_until: null } };
    assert.deepEqual(brief(judge(endless)), ['warn', 'Writing is paused']);
  });

  it('says that writing waits for the daily budget, which one, and until when', () => {
    const untilMs = startMs + 8 * 3_600_000;
    const parked_until = new Date(untilMs).toISOString();
    const backlog = { queued_carriers: 5, parked_reason: 'daily_writes', parked_until };
    const found = judge({ ...goodStatus(), backlog });
    assert.deepEqual(brief(found), ['warn', `Writing waits for the daily budget until ${at(untilMs)}`]);
    assert.match(found.detail, /The writes of the day are spent/);
  });

  it('puts dead letters first, and the rest behind', () => {
    const backlog = { queued_carriers: 5, parked_reason: 'paused', parked_until: null };
    const found = judge({ ...goodStatus(), backlog, dead_letters: { count: 3, is_exact: true } });
    assert.deepEqual(brief(found), ['bad', '3 dead letters need you']);
    assert.equal(found.place, 'dead-letters');
    assert.deepEqual(found.also, ['Writing is paused']);
    assert.equal(
      judge({ ...goodStatus(), dead_letters: { count: 1, is_exact: true } }).headline,
      '1 dead letter needs you',
    );
    const many = { count: 1000, is_exact: false };
    assert.equal(
      judge({ ...goodStatus(), dead_letters: many }).headline,
      'At least 1,000 dead letters need you',
    );
  });

  it('says that writing is slowed', () => {
    const throttling = { enabled: true, multiplier: 2.5, max_multiplier: 10 };
    const found = judge({ ...goodStatus(), quota_monitor: { throttling } });
    assert.deepEqual(brief(found), ['warn', 'Writing is slowed 2.5-fold']);
  });

  it('says since when Sluice does not answer, and of when the figures are', () => {
    const failure = { message: 'No answer came.', sinceMs: startMs - 60_000, count: 2 };
    const found = judge(goodStatus(), { failure, readAtMs: startMs - 70_000 });
    assert.deepEqual(brief(found), ['bad', `Sluice does not answer since ${at(startMs - 60_000)}`]);
    assert.match(
      found.detail,
      /^No answer came\. The figures here are of .*\. Answers that got a 202 are kept all the same\.$/,
    );
    const never = judge(undefined, { failure: { ...failure, count: 1 } });
    assert.equal(never.case, 'silent');
    assert.doesNotMatch(never.detail, /figures/);
  });

  it('raises no alarm over one question that failed', () => {
    const failure = { message: 'No answer came.', sinceMs: startMs, count: 1 };
    assert.equal(judge(goodStatus(), { failure }).case, 'written');
  });

  it('asks, without an alarm, where figures are old as nobody looked: a hidden tab, a computer that slept', () => {
    assert.equal(judge(goodStatus(), {}, startMs + 45_000).case, 'written');
    const found = judge(goodStatus(), {}, startMs + 45_001);
    assert.deepEqual([found.case, found.tone], ['asking', 'unknown']);
    assert.match(found.detail, /^The figures here are of /);
  });

  it('never takes what is unknown for nothing', () => {
    for (const backlog of [null, undefined, {}, { queued_carriers: null }]) {
      assert.deepEqual(brief(judge({ ...goodStatus(), backlog })), [
        'unknown',
        'Sluice cannot tell what waits',
      ]);
    }
    assert.equal(judge({}).tone, 'unknown');
    assert.deepEqual([judge(undefined).case, judge(undefined).detail], ['asking', '']);
  });

  it('knows a fresh install: nothing was ever sent', () => {
    const zero = { per_second: 0, per_minute: 0, per_day: 0, total: 0 };
    const counts = { responses: 0, tasks: 0, changes: 0, operations: 0, carriers: 0, polls: 3, files: 0 };
    const none = { start: new Date(startMs).toISOString(), writes: 0, reads: 9, deletes: 0, counts };
    const fresh: Status = {
      ...goodStatus(),
      quota_monitor: {
        current_usage: { writes: zero, reads: { ...zero, total: 9 }, deletes: zero },
        history: { hours: [], today: none, month: none },
      },
    };
    assert.deepEqual(brief(judge(fresh)), ['info', 'Nothing has come yet']);
    assert.equal(isFresh({ ...fresh, backlog: { queued_carriers: 1 } }), false);
    assert.equal(isFresh({ ...fresh, quota_monitor: { ...fresh.quota_monitor, history: null } }), false);
    assert.equal(isFresh({ ...fresh, file_manager: { total_files: 1 } }), false);
  });

  it('forgets the age of the oldest event once the listing is old, or the queue is empty', () => {
    const listed = { ...goodStatus(), backlog: { queued_carriers: 2, oldest_event_age_seconds: 40 } };
    const feed = feedOf(listed, { detail: { status: listed, atMs: startMs } });
    assert.equal(oldestAgeMs(feed, startMs + 10_000), 50_000);
    assert.equal(oldestAgeMs(feed, startMs + 90_001), undefined);
    assert.equal(oldestAgeMs({ ...feed, status: goodStatus() }, startMs), undefined);
  });
});
