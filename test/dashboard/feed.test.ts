import assert from 'node:assert/strict';
import { ApiError } from '../../dashboard/src/feed/api.ts';
import {
  emptyFeed,
  isSilent,
  isStale,
  skewNote,
  wantsDetail,
  withFailure,
  withStatus,
} from '../../dashboard/src/feed/feed.ts';
import { session } from '../../dashboard/src/feed/session.ts';
import { roleOf, type Status } from '../../dashboard/src/feed/status.ts';
import type { Status as Answered } from '../../functions/src/operator/status.ts';
import { startMs } from '../support/clock.ts';
import { goodStatus } from './sample.ts';

describe('what the page knows', () => {
  const status = goodStatus();
  const waiting = { ...status, backlog: { queued_carriers: 3 } };
  const down = new ApiError(0, 'unreachable', 'Nobody answers.');

  it('is of a form that takes the API’s answer', () => {
    const takes = (answer: Answered): Status => answer;
    assert.equal(typeof takes, 'function');
  });

  it('keeps the latest figures through failures, whose beginning it remembers', () => {
    const known = withStatus(emptyFeed, status, false, startMs);
    const failing = withFailure(withFailure(known, down, startMs + 15_000), down, startMs + 30_000);
    assert.deepEqual(failing.failure, { message: 'Nobody answers.', sinceMs: startMs + 15_000, count: 2 });
    assert.deepEqual([failing.status, failing.readAtMs], [status, startMs]);
    assert.equal(withStatus(failing, status, false, startMs + 45_000).failure, undefined);
  });

  it('is silence from the second failure on, or from the first where nothing was ever told', () => {
    const known = withStatus(emptyFeed, status, false, startMs);
    const once = withFailure(known, down, startMs);
    assert.deepEqual(
      [isSilent(known), isSilent(once), isSilent(withFailure(once, down, startMs))],
      [false, false, true],
    );
    assert.equal(isSilent(withFailure(emptyFeed, down, startMs)), true);
  });

  it('is stale after 45 s', () => {
    const known = withStatus(emptyFeed, status, false, startMs);
    assert.deepEqual([isStale(known, startMs + 45_000), isStale(known, startMs + 45_001)], [false, true]);
    assert.equal(isStale(emptyFeed, startMs), false);
  });

  it('asks for the list of the queue only where little waits, and once a minute', () => {
    const seen = withStatus(emptyFeed, waiting, false, startMs);
    assert.equal(wantsDetail(emptyFeed, startMs), false);
    assert.equal(wantsDetail(withStatus(emptyFeed, status, false, startMs), startMs), false);
    assert.equal(wantsDetail(seen, startMs), true);
    const listed = withStatus(seen, waiting, true, startMs);
    assert.deepEqual(
      [wantsDetail(listed, startMs + 59_999), wantsDetail(listed, startMs + 60_000)],
      [false, true],
    );
    const many = { ...status, backlog: { queued_carriers: 201 } };
    assert.equal(wantsDetail(withStatus(emptyFeed, many, false, startMs), startMs), false);
    const unknown = { ...status, backlog: { queued_carriers: null } };
    assert.equal(wantsDetail(withStatus(emptyFeed, unknown, false, startMs), startMs), false);
  });

  it('names a clock that is more than 30 s off', () => {
    assert.equal(skewNote(30_000), undefined);
    assert.match(skewNote(120_000) ?? '', /2 min behind/);
    assert.match(skewNote(-31_000) ?? '', /31 s ahead/);
  });

  it('takes a role that it does not know for the least', () => {
    assert.equal(roleOf({ caller: { role: 'admin' } }), 'admin');
    assert.equal(roleOf({ caller: { role: 'owner' } }), 'read');
    assert.equal(roleOf(undefined), 'read');
  });
});

describe('the session', () => {
  it('keeps the key and the theme in the tab’s storage, until the key is forgotten', () => {
    const items = new Map<string, string>();
    const kept = session(() => ({
      getItem: (name) => items.get(name) ?? null,
      setItem: (name, value) => void items.set(name, value),
      removeItem: (name) => void items.delete(name),
    }));
    kept.keepKey('a-key');
    kept.keepTheme('dark');
    assert.deepEqual([kept.key(), kept.theme(), items.size], ['a-key', 'dark', 2]);
    kept.forgetKey();
    assert.deepEqual([kept.key(), [...items.values()]], [undefined, ['dark']]);
    items.set('sluice.theme', 'pink');
    assert.equal(kept.theme(), undefined);
  });

  it('works as long as the page is open where the browser forbids storage', () => {
    const kept = session(() => {
      throw new DOMException('denied', 'SecurityError');
    });
    assert.equal(kept.key(), undefined);
    kept.keepKey('a-key');
    assert.equal(kept.key(), 'a-key');
    kept.forgetKey();
    assert.equal(kept.key(), undefined);
  });
});
