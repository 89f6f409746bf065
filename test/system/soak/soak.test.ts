import assert from 'node:assert/strict';
import { FieldValue, Firestore } from '@google-cloud/firestore';
import { type LocalStack, startStack } from '../../../local/stack.ts';
import { build } from '../../support/build.ts';
import { runEpisode } from './episode.ts';
import type { Model } from './model.ts';
import { shrink } from './shrink.ts';
import { drawEpisode, type Episode } from './story.ts';

// Off the cloud, the client would look for a metadata server.
process.env['METADATA_SERVER_DETECTION'] ??= 'none';

const taskTimeoutMs = 600_000;

/** Traffic of all kinds that nothing befalls. */
const quiet: Episode = {
  name: 'quiet',
  actions: [
    { atMs: 0, kind: 'create', task: 'quiet-1', required: 2 },
    { atMs: 10, kind: 'operate', path: 'soak/quiet', type: 'set', field: 'a', value: 1 },
    { atMs: 20, kind: 'file', key: 'quiet-file', bytes: 5_000, seed: 1 },
    { atMs: 1_000, kind: 'answer', task: 'quiet-1', uid: 1, form: 'json', bytes: 20, copy: 0 },
    { atMs: 1_500, kind: 'answer', task: 'quiet-1', uid: 2, form: 'legacy', bytes: 20, copy: 0 },
    { atMs: 2_000, kind: 'answer', task: 'quiet-1', uid: 2, form: 'ndjson', bytes: 20, copy: 1 },
    { atMs: 3_000, kind: 'patch', task: 'quiet-1', priority: 5 },
    { atMs: 4_000, kind: 'operate', path: 'soak/quiet', type: 'update', field: 'b', value: 2 },
  ],
};

describe('The soak', function () {
  this.timeout(120_000);
  let stack: LocalStack;
  let db: Firestore;
  before(async () => {
    build();
    stack = await startStack({
      ports: 'free',
      quiet: true,
      env: { TASK_TIMEOUT_SECONDS: String(taskTimeoutMs / 1000) },
    });
    db = new Firestore({ projectId: 'demo-sluice', host: `127.0.0.1:${stack.ports.firestore}`, ssl: false });
  });
  after(async () => {
    await db.terminate();
    await stack.close();
  });

  const play = (tamper?: (model: Model) => Promise<void>) =>
    runEpisode(quiet, { stack, db, taskTimeoutMs, ...(tamper && { tamper }) });

  it('has nothing to say of traffic that nothing befell', async () => {
    const { faults, calls, kept } = await play();
    assert.deepEqual(faults, []);
    assert.deepEqual([calls, kept], [8, 8]);
  });

  it('sees what is lost, altered, doubled or made up', async () => {
    const { faults } = await play(async () => {
      await db.doc('tasks/quiet-1').update({
        'miner_responses.1.response_data': { text: 'another text' },
        'miner_responses.2': FieldValue.delete(),
        'miner_responses.9': { miner_uid: 9, response_data: { text: 'nobody' }, received_at: new Date() },
        priority: 7,
        status: 'failed',
        response_count: 3,
      });
      await db.doc('soak/quiet').set({ a: 1 });
    });
    assert.deepEqual(faults.toSorted(), [
      'quiet-1: 9 never answered',
      'quiet-1: failed with 2 of 2 answers in time',
      'quiet-1: priority 7, not one of 5',
      'quiet-1: response_count 3, but 2 answers',
      'quiet-1: the acknowledged answer of 2 is lost',
      'quiet-1: the answer of 1 is {"text":"another text"}',
      'soak/quiet is {"a":1}, not {"a":1,"b":2}',
    ]);
  });
});

describe('A story of the soak', () => {
  it('is the same for the same seed and number', () => {
    assert.deepEqual(drawEpisode(3, 5), drawEpisode(3, 5));
    assert.notDeepEqual(drawEpisode(3, 5), drawEpisode(3, 6));
  });

  it('shrinks to what it takes to fail', async () => {
    const items = Array.from({ length: 40 }, (_, index) => index);
    let tries = 0;
    const fails = (part: readonly number[]): Promise<boolean> => {
      tries += 1;
      return Promise.resolve(part.includes(7) && part.includes(31));
    };
    assert.deepEqual(await shrink(items, fails, () => false), [7, 31]);
    assert.ok(tries < 40, `${tries} tries`);
    const giveUp = tries + 3;
    assert.ok((await shrink(items, fails, () => tries >= giveUp)).length > 2);
  });
});
