import assert from 'node:assert/strict';
import { Backoff } from '../../functions/src/flush/backoff.ts';
import { failed } from '../../functions/src/flush/commitResult.ts';
import { DocumentError } from '../../functions/src/platform/documents.ts';
import { ManualClock } from '../support/clock.ts';

const tickMs = 5_000;
const job = { path: 'tasks/t', events: [] };

/** Pauses, in milliseconds, after each of so many refusals in a row; each try comes as soon as it may. */
async function pausesAfter(backoff: Backoff, clock: ManualClock, refusals: number): Promise<number[]> {
  const pauses: number[] = [];
  for (let index = 0; index < refusals; index += 1) {
    const nowMs = clock.now();
    const error = new DocumentError('exhausted', 'Quota exceeded.', { retryAtMs: nowMs + tickMs });
    backoff.learn(failed([job], error));
    pauses.push(backoff.parkedUntilMs - nowMs);
    await clock.advance(backoff.parkedUntilMs - nowMs);
  }
  return pauses;
}

describe('Where Firestore says that its quota is used up', () => {
  it('it is left alone for longer each time, to 15 s; what it takes ends that', async () => {
    const clock = new ManualClock();
    const backoff = new Backoff({ clock, tickMs });
    assert.deepEqual(await pausesAfter(backoff, clock, 5), [5_000, 10_000, 15_000, 15_000, 15_000]);
    const written = {
      outcome: 'committed',
      hasWritten: true,
      hasDead: false,
      before: undefined,
      after: undefined,
    } as const;
    backoff.learn([{ ...job, ...written }]);
    assert.equal(backoff.isParked, false);
    assert.deepEqual(await pausesAfter(backoff, clock, 2), [5_000, 10_000]);
  });

  it('its own time to come again is kept where that is later', () => {
    const clock = new ManualClock();
    const backoff = new Backoff({ clock, tickMs });
    const error = new DocumentError('exhausted', '', { retryAtMs: clock.now() + 40_000 });
    backoff.learn(failed([job], error));
    assert.equal(backoff.parkedUntilMs - clock.now(), 40_000);
  });
});
