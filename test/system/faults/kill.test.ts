import assert from 'node:assert/strict';
import { seeded } from '../../../bench/shared/random.ts';
import { type LocalStack, startStack } from '../../../local/stack.ts';
import { whenServed } from '../../support/advance.ts';

/** More rounds by hand: `KILL_ROUNDS=50 npx mocha --no-config test/system/faults/kill.test.ts`. */
const rounds = Number(process.env['KILL_ROUNDS'] ?? 3);
const tasksPerRound = 20;
const minersPerTask = 3;

interface Sent {
  taskId: string;
  uid: number;
  answer: string;
}

describe('SIGKILL of instances and of the dispatcher under load', function () {
  this.timeout(60_000 + rounds * 15_000);
  const random = seeded(42);
  const acknowledged: Sent[] = [];
  let stack: LocalStack;

  before(async () => {
    stack = await startStack({ ports: 'free', quiet: true, env: { FLUSH_TICK_SECONDS: '1' } });
  });
  after(async () => stack.close());

  const post = (path: string, key: string | undefined, body: unknown): Promise<Response> =>
    fetch(stack.urls.hosting + path, {
      method: 'POST',
      headers: { 'x-api-key': key ?? '', 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });

  /** Sends once, as miners do; whether it was acknowledged. */
  async function sendResponse(sent: Sent): Promise<boolean> {
    try {
      const answer = await post('/v1/responses', stack.keys['miner'], {
        task_id: sent.taskId,
        miner_uid: sent.uid,
        response_data: { answer: sent.answer },
      });
      await answer.text();
      return answer.status === 202;
    } catch {
      return false;
    }
  }

  async function strike(): Promise<void> {
    const draw = random();
    if (draw < 0.35) await stack.killInstances('ingest');
    else if (draw < 0.75) await stack.killInstances('flush');
    else {
      stack.killDispatcher();
      await moment(50 + random() * 300);
      stack.restartDispatcher();
    }
  }

  async function round(number: number): Promise<void> {
    const ids = Array.from({ length: tasksPerRound }, (_, index) => `round-${number}-task-${index}`);
    await Promise.all(
      ids.map((task_id) => post('/v1/tasks', stack.keys['ingest'], { task_id, task_type: 'kill' })),
    );
    const load = ids.flatMap((taskId) =>
      Array.from({ length: minersPerTask }, async (_, uid) => {
        await moment(random() * 2_500);
        const sent = {
          taskId,
          uid,
          answer: `${taskId} by ${uid}, ${'x'.repeat(Math.floor(random() * 500))}`,
        };
        if (await sendResponse(sent)) acknowledged.push(sent);
      }),
    );
    const strikes = [0, 1, 2].map(async () => {
      await moment(300 + random() * 2_500);
      await strike();
    });
    await Promise.all([...load, ...strikes]);
  }

  it('loses, doubles and alters nothing that was acknowledged', async () => {
    for (let number = 0; number < rounds; number += 1) await round(number);
    await stack.advance(10 * 60_000);
    const total = rounds * tasksPerRound * minersPerTask;
    assert(acknowledged.length > total / 2, `${acknowledged.length} of ${total} were acknowledged`);
    for (const taskId of new Set(acknowledged.map((sent) => sent.taskId))) {
      const answer = await whenServed(stack, () =>
        fetch(`${stack.urls.hosting}/v1/tasks/${taskId}`, {
          headers: { 'x-api-key': stack.keys['read'] ?? '' },
        }),
      );
      assert.equal(answer.status, 200, taskId);
      const task = (await answer.json()) as {
        response_count: number;
        miner_responses: Record<string, { response_data: unknown }>;
      };
      assert.equal(task.response_count, Object.keys(task.miner_responses).length, taskId);
      for (const sent of acknowledged.filter((other) => other.taskId === taskId)) {
        assert.deepEqual(task.miner_responses[sent.uid]?.response_data, { answer: sent.answer }, taskId);
      }
    }
  });
});

/** Load and blows come at random real moments; no assertion depends on when. */
function moment(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
