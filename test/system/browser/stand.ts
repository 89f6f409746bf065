import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Status } from '../../../dashboard/src/feed/status.ts';
import { type LocalStack, startStack } from '../../../local/stack.ts';
import { advanceUntil, callStack, type StackAnswer } from '../../support/advance.ts';
import { build } from '../../support/build.ts';
import { type Browser, type Opened, openBrowser, openTab, signIn, viewsOf } from './browser.ts';
import { dataWithLetters, type StoredLetter } from './storedLetters.ts';

/** Dead letters in the bucket from the beginning. */
export const lettersCount = 10_000;

/** A whole local stack with some traffic behind it, and a browser. */
export class Stand {
  #stack: LocalStack | undefined;
  #browser: Browser | undefined;
  #data = '';
  #opened: Opened[] = [];
  /** In the order in which they are listed. */
  letters: StoredLetter[] = [];

  async start(): Promise<void> {
    build();
    const { data, letters } = await dataWithLetters('demo-sluice.firebasestorage.app', lettersCount);
    this.#data = data;
    this.letters = letters;
    this.#browser = await openBrowser();
    this.#stack = await startStack({ ports: 'free', quiet: true, data });
    await this.#sendTraffic();
  }

  async close(): Promise<void> {
    await this.#browser?.close();
    await this.#stack?.close();
    if (this.#data !== '') rmSync(dirname(this.#data), { recursive: true });
  }

  get stack(): LocalStack {
    return this.#stack ?? assert.fail('not started');
  }

  /** Opens the page at a place, for who is not signed in. */
  async openPage(place = '', width?: number): Promise<Opened> {
    const one = await openTab(this.#browser ?? assert.fail('not started'), width);
    this.#opened.push(one);
    await one.page.goto(this.address(place));
    return one;
  }

  /** Opens the page with the local key of a role. */
  async enter(role: string, place = '', width?: number): Promise<Opened> {
    const one = await this.openPage(place, width);
    await signIn(one, `local-${role}-key`);
    await viewsOf(one).waitFor();
    return one;
  }

  address(place: string): string {
    return `${this.stack.urls.hosting}/${place}`;
  }

  call(role: string, method: string, path: string, body?: unknown): Promise<StackAnswer> {
    return callStack(this.stack, role, method, path, body);
  }

  async status(): Promise<Status> {
    return (await this.call('read', 'GET', '/v1/status')).json as Status;
  }

  /** Ends what a test began. The console must be clean: it shows errors of scripts and breaches of the policy. */
  async tidy(): Promise<void> {
    this.stack.clearFaults();
    const problems = this.#opened.flatMap((one) => one.problems);
    await Promise.all(this.#opened.splice(0).map(({ context }) => context.close()));
    assert.deepEqual(problems, []);
  }

  /** Two tasks with answers, all written, and of which the ledger was told. */
  async #sendTraffic(): Promise<void> {
    for (const task_id of ['task-1', 'task:2@x']) {
      const task = { task_id, task_type: 'tts', required_miner_count: 2, assigned_miners: [7, 8] };
      await this.call('ingest', 'POST', '/v1/tasks', task);
      const responses = [7, 8, 9].map((miner_uid) => ({
        ...{ task_id, miner_uid, accuracy_score: miner_uid / 10 },
        response_data: { text: `answer of ${miner_uid}` },
      }));
      await this.call('miner', 'POST', '/v1/responses', { responses });
    }
    // The flush tells of its work with its next lease: something must be there to be written.
    const isTold = async (): Promise<boolean> => {
      const operations = [{ type: 'set', path: 'things/traffic', data: { at: this.stack.now() } }];
      await this.call('ingest', 'POST', '/v1/operations', { operations });
      return (await this.status()).quota_monitor?.history?.today.counts.responses === 6;
    };
    await advanceUntil(this.stack, isTold, { stepMs: 60_000, steps: 20 });
    await advanceUntil(this.stack, async () => (await this.status()).backlog?.queued_carriers === 0, {
      ...{ stepMs: 10_000, steps: 20 },
    });
  }
}
