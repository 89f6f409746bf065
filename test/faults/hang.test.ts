import assert from 'node:assert/strict';
import type { LocalServiceName } from '../../local/shared/faults.ts';
import { type LocalStack, startStack } from '../../local/stack.ts';
import { whenServed } from '../support/advance.ts';

const hungMs = 12_000;
const everyMs = 100;
/** Callers give up after this. */
const patienceMs = 10_000;

interface Answer {
  taskId: string;
  sentMs: number;
  status: number;
  tookMs: number;
}

describe('Cloud Tasks and Cloud Storage hang while miners answer', function () {
  this.timeout(120_000);
  let stack: LocalStack;
  let startMs: number;
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
    return { taskId, sentMs, status: response.status, tookMs: stack.now() - sentMs };
  }

  before(async () => {
    stack = await startStack({ ports: 'free', quiet: true });
    await send('first');
    pids = pidsOfIngest();
    startMs = stack.now();
    for (const service of ['tasks', 'storage'] as LocalServiceName[])
      stack.addFault({ service, hang: true, rate: 1, forMs: hungMs, phase: 'before' });
    const sent: Promise<Answer>[] = [];
    for (let number = 0; stack.now() < startMs + hungMs + 11_000; number += 1) {
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
    assert.ok(answers.filter(({ status }) => status === 503).length > hungMs / everyMs / 4);
    assert.deepEqual(pidsOfIngest(), pids);
  });

  it('afterwards all are accepted at once', () => {
    const later = answers.filter(({ sentMs }) => sentMs >= startMs + hungMs);
    assert.ok(later.length > 100);
    const atOnce = later.filter(({ status, tookMs }) => status === 202 && tookMs <= 1_000);
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
