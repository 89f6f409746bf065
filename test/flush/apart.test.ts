import assert from 'node:assert/strict';
import { apart, isOwnFault } from '../../functions/src/flush/apart.ts';
import { maxPlansApart } from '../../functions/src/flush/limits.ts';
import { DocumentError } from '../../functions/src/platform/documents.ts';

describe('events that our own code breaks on, told apart', () => {
  const events = Array.from({ length: 2 * maxPlansApart }, (_, index) => index);
  const byNumber = (a: number, b: number): number => a - b;

  /** Plans that break on some events, and how many there were. */
  function planner(isBad: (event: number) => boolean) {
    const seen = { plans: 0 };
    const plan = async (part: number[]): Promise<void> => {
      seen.plans += 1;
      if (part.some(isBad)) throw new TypeError('broken');
    };
    return { plan, seen };
  }

  it('are each found where they are few, in few plans', async () => {
    const { plan, seen } = planner((event) => event === 7 || event === 1_500);
    const { sound, bad, rest } = await apart(events, plan);
    assert.deepEqual([...bad.keys()].sort(byNumber), [7, 1_500]);
    assert.equal(sound.length, events.length - 2);
    assert.deepEqual(rest, []);
    assert.ok(seen.plans < 60, `${seen.plans} plans`);
  });

  it('end after so many plans, and each event is somewhere, once', async () => {
    const { plan, seen } = planner(() => true);
    const { sound, bad, rest } = await apart(events, plan);
    assert.deepEqual([...sound, ...bad.keys(), ...rest].sort(byNumber), events);
    assert.deepEqual(sound, []);
    assert.ok(bad.size > 0 && rest.length > 0);
    assert.equal(seen.plans, maxPlansApart);
  });

  it('are none where a service failed', async () => {
    const error = new DocumentError('unavailable', 'down');
    await assert.rejects(
      apart([1, 2], () => Promise.reject(error)),
      error,
    );
    assert.equal(isOwnFault(error), false);
  });
});
