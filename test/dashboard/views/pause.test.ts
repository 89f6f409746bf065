import assert from 'node:assert/strict';
import {
  type FlushAnswer,
  flushResult,
  localInput,
  maxPauseMs,
  pauseEnd,
  usualEnd,
} from '../../../dashboard/src/views/pause.ts';
import * as limits from '../../../functions/src/operator/limits.ts';

/** A whole minute, as an input has no seconds. */
const nowMs = new Date('2026-03-01T12:00:00').getTime();

describe('the end of a pause', () => {
  it('is an hour away unless somebody says otherwise', () => {
    assert.equal(usualEnd(nowMs), '2026-03-01T13:00');
    assert.deepEqual(pauseEnd(usualEnd(nowMs), nowMs), { untilMs: nowMs + 3_600_000 });
  });

  it('is as far away as the server allows', () => {
    assert.equal(maxPauseMs, limits.maxPauseMs);
    assert.deepEqual(pauseEnd(localInput(nowMs + maxPauseMs), nowMs), { untilMs: nowMs + maxPauseMs });
    assert.match(JSON.stringify(pauseEnd(localInput(nowMs + maxPauseMs + 60_000), nowMs)), /within 20 days/);
  });

  it('is a time to come', () => {
    assert.match(JSON.stringify(pauseEnd(localInput(nowMs), nowMs)), /over already/);
    for (const input of ['', 'soon']) assert.match(JSON.stringify(pauseEnd(input, nowMs)), /Choose/);
  });
});

describe('the result of a flush', () => {
  const requested_at = new Date(nowMs).toISOString();
  const told = (answer: Omit<FlushAnswer, 'requested_at'>, isPaused = false): string => {
    const { tone, text } = flushResult(
      { requested_at, ...answer },
      isPaused,
      (ms) => `T${(ms - nowMs) / 1000}`,
    );
    return `${tone}: ${text}`;
  };

  it('is that all is written', () => {
    assert.equal(
      told({ done: true, remaining: 0, due_by: null }),
      'good: Everything accepted before T0 is written.',
    );
  });

  it('is how much waits, and how long at most', () => {
    const due_by = new Date(nowMs + 60_000).toISOString();
    assert.match(told({ done: false, remaining: 12, due_by }), /^warn: At most 12 events .* after T60\.$/);
    assert.match(told({ done: false, remaining: 1, due_by: null }), /^warn: At most 1 event .* request\.$/);
  });

  it('is that nothing is written while the queue is paused', () => {
    assert.match(told({ done: false, remaining: 12, due_by: null }, true), /^warn: Nothing .* paused/);
  });

  it('is that nobody knows, where the queue cannot be listed or the answer is of another version', () => {
    assert.match(told({ done: null, remaining: null, due_by: null }), /^warn: .* cannot tell/);
    assert.match(told({}), /^warn: .* cannot tell/);
  });
});
