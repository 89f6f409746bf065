import assert from 'node:assert/strict';
import { ApiError } from '../../../dashboard/src/feed/api.ts';
import {
  aboutOf,
  forEachLetter,
  isThere,
  type Letter,
  type LetterOutcome,
  lettersPerPage,
  lossOf,
  pathOfPage,
  reasonOf,
} from '../../../dashboard/src/views/letters.ts';
import { oneAtATime } from '../../../dashboard/src/views/oneAtATime.ts';
import { samples } from '../../support/samples.ts';

const letter: Letter = {
  id: 'a'.repeat(64),
  reason: 'too_old',
  detail: 'It came late.',
  at: '2026-03-01T12:00:00.000Z',
  kind: 'response',
  target: 'task-1',
  bytes: 300,
};

/** Outcomes by id, each with all that was told of it. */
function listener() {
  const told = new Map<string, LetterOutcome[]>();
  const tell = (id: string, outcome: LetterOutcome): void => {
    told.set(id, [...(told.get(id) ?? []), outcome]);
  };
  const last = (id: string): LetterOutcome | undefined => told.get(id)?.at(-1);
  return { tell, told, last };
}

describe('a dead letter', () => {
  it('is named by its kind and target', () => {
    assert.equal(aboutOf(letter), 'an answer to task task-1');
    assert.equal(aboutOf({ kind: 'created', target: 't' }), 'a task, t');
    assert.equal(aboutOf({ kind: null, target: null }), 'something that this version cannot read');
    assert.equal(aboutOf({ kind: 'of_tomorrow', target: 't' }), 'of_tomorrow t');
  });

  it('is named in words for every kind of event there is', () => {
    for (const kind of Object.keys(samples))
      assert.match(aboutOf({ kind, target: 't' }), /^(a|an|the|fields) /);
  });

  it('tells a reason that this page does not know as it is', () => {
    assert.deepEqual(
      ['too_old', 'of_tomorrow', null].map((reason) => reasonOf({ reason })),
      ['Too old', 'of_tomorrow', 'Unknown reason'],
    );
  });

  it('is named before it is lost, of many the first five', () => {
    assert.deepEqual(lossOf([letter]), ['an answer to task task-1']);
    const many = lossOf(Array.from({ length: 25 }, () => letter));
    assert.deepEqual([many.length, many.at(-1)], [6, 'and 20 more']);
  });

  it('is asked for by pages', () => {
    assert.equal(pathOfPage(undefined), `/v1/dead-letters?limit=${lettersPerPage}`);
    assert.equal(pathOfPage('b'), `/v1/dead-letters?limit=${lettersPerPage}&cursor=b`);
  });
});

describe('an action on dead letters', () => {
  const ids = Array.from({ length: 10 }, (_, index) => `id-${index}`);

  it('is done once to each, and told', async () => {
    const { tell, told } = listener();
    const calls: string[] = [];
    const count = await forEachLetter(ids, 'replayed', async (id) => calls.push(id), tell);
    assert.deepEqual(count, { done: 10, failed: 0 });
    assert.deepEqual(calls.toSorted(), ids.toSorted());
    for (const outcomes of told.values())
      assert.deepEqual(outcomes, [{ step: 'busy' }, { step: 'replayed' }]);
  });

  it('goes on after one that is refused, in the server’s words', async () => {
    const { tell, last } = listener();
    const refusal = new ApiError(409, 'conflict', 'It holds nothing that this version can replay.');
    const work = async (id: string) => (id === 'id-1' ? Promise.reject(refusal) : undefined);
    assert.deepEqual(await forEachLetter(ids, 'replayed', work, tell), { done: 9, failed: 1 });
    assert.deepEqual(last('id-1'), { step: 'failed', message: refusal.message });
    assert.deepEqual(last('id-9'), { step: 'replayed' });
  });

  it('ends with an outage: the rest is not tried, and said to be so', async () => {
    const { tell, last } = listener();
    const calls: string[] = [];
    const work = async (id: string) => {
      calls.push(id);
      throw new ApiError(503, 'unavailable', 'Cloud Storage does not answer.', 5000);
    };
    assert.deepEqual(await forEachLetter(ids, 'dropped', work, tell), { done: 0, failed: 10 });
    assert.ok(calls.length <= 4, String(calls));
    assert.deepEqual(last('id-0'), {
      step: 'failed',
      message: 'Cloud Storage does not answer. Try again in 5 s.',
    });
    assert.match((last('id-9') as { message: string }).message, /^Not tried/);
  });

  it('leaves letters that are still there to be tried again', () => {
    const outcomes = new Map<string, LetterOutcome>([
      ['busy', { step: 'busy' }],
      ['replayed', { step: 'replayed' }],
      ['dropped', { step: 'dropped' }],
      ['failed', { step: 'failed', message: '' }],
    ]);
    const there = ['busy', 'replayed', 'dropped', 'failed', 'other'].filter((id) =>
      isThere(outcomes.get(id)),
    );
    assert.deepEqual(there, ['failed', 'other']);
  });
});

describe('an action that goes on', () => {
  it('is not begun a second time', async () => {
    let finish = (): void => {};
    let calls = 0;
    const action = oneAtATime(async (value: number) => {
      calls += 1;
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return value;
    });
    const first = action(1);
    assert.equal(await action(2), undefined);
    finish();
    assert.equal(await first, 1);
    const third = action(3);
    finish();
    assert.equal(await third, 3);
    assert.equal(calls, 2);
  });

  it('can be begun again after it failed', async () => {
    const action = oneAtATime(async (isBad: boolean) => (isBad ? Promise.reject(new Error('no')) : 'yes'));
    await assert.rejects(action(true));
    assert.equal(await action(false), 'yes');
  });
});
