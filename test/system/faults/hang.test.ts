import assert from 'node:assert/strict';
import type { LocalServiceName } from '../../../local/shared/faults.ts';
import { type LocalStack, startStack } from '../../../local/stack.ts';
import { whenServed } from '../../support/advance.ts';

/** Ten requests a second, for 12 s while the services hang and 11 s after that. */
const everyMs = 100;
const sentWhileHung = 120;
const sentLater = 110;
/** Callers give up after this. */
const patienceMs = 10_000;

interface Answer {
  taskId: string;
  status: number;
  tookMs: number;
}

describe('Cloud Tasks and Cloud Storage hang while miners answer', function () {
  this.timeout(120_000);
  let stack: LocalStack;
  let answers: Answer[];
  let pids: (number | undefined)[];

  const pidsOfIngest = (): (number | undefined)[] =>
    stack
      .instances()
      .filter(({ function: name }) => name === 'ingest')
      .map(({ pid }) => pid);

  async function send(taskId: string): Promise<Answer> {
    const sentMs = stack.now();
    const response = await fetch(`${stack.urls.hosting}/v1/responses`, {
      method: 'POST',
      headers: { 'x-api-key': stack.keys['miner'] ?? '', 'content-type': 'application/json' },
      body: JSON.stringify({ task_id: taskId, miner_uid: 1, response_data: { answer: taskId } }),
    });
    await response.text();
    return { taskId, status: response.status, tookMs: stack.now() - sentMs };
  }

  before(async () => {
    stack = await startStack({ ports: 'free', quiet: true });
    await send('first');
    pids = pidsOfIngest();
    for (const service of ['tasks', 'storage'] as LocalServiceName[])
      stack.addFault({ service, hang: true, rate: 1, forMs: 3_600_000, phase: 'before' });
    const sent: Promise<Answer>[] = [];
    for (let number = 0; number < sentWhileHung + sentLater; number += 1) {
      if (number === sentWhileHung) stack.clearFaults();
      sent.push(send(`task-${number}`));
      await stack.advance(everyMs);
    }
    await stack.advance(patienceMs);
    answers = await Promise.all(sent);
  });
  after(async () => stack.close());

  it('every answer comes in time, by the instance that was there', () => {
    const tookMs = answers.map((answer) => answer.tookMs);
    assert.ok(Math.max(...tookMs) <= patienceMs, `${Math.max(...tookMs)} ms`);
    assert.ok(answers.filter(({ status }) => status === 503).length > sentWhileHung / 4);
    assert.deepEqual(pidsOfIngest(), pids);
  });

  it('afterwards all are accepted at once', () => {
    const later = answers.slice(sentWhileHung);
    const atOnce = later.filter(({ status, tookMs }) => status === 202 && tookMs <= 3_000);
    assert.ok(atOnce.length >= later.length * 0.99, `${atOnce.length} of ${later.length}`);
  });

  it('all that was accepted is written', async () => {
    await stack.advance(5 * 60_000);
    const accepted = answers.filter(({ status }) => status === 202);
    for (const { taskId } of accepted) {
      const answer = await whenServed(stack, () =>
        fetch(`${stack.urls.hosting}/v1/tasks/${taskId}`, {
          headers: { 'x-api-key': stack.keys['read'] ?? '' },
        }),
      );
      const task = (await answer.json()) as { miner_responses: Record<string, { response_data: unknown }> };
      assert.deepEqual(task.miner_responses['1']?.response_data, { answer: taskId });
    }
  });
});
