import assert from 'node:assert/strict';
import { type LocalStack, startStack } from '../../../local/stack.ts';
import { bytesOf } from '../../files/support.ts';
import { advanceUntil, callStack, whenServed } from '../../support/advance.ts';

const minuteMs = 60_000;

type Counts = Record<string, number>;

interface Span extends Counts {
  counts: never;
}

interface History {
  hours: (Span & { start: string })[];
  today: Span;
  month: Span;
  total: Counts;
}

describe('the history on the local stack, where everything is delivered twice', function () {
  this.timeout(120_000);
  let stack: LocalStack;
  let history: History;

  before(async () => {
    stack = await startStack({ ports: 'free', quiet: true, env: { POLL_CACHE_SECONDS: '0' } });
    stack.setDelivery({ twiceShare: 1, maxLateMs: 0, isShuffled: true });
    stack.setEventsTwiceShare(1);
  });
  after(() => stack.close());

  const call = async (role: string, method: string, path: string, body?: unknown) => {
    const answer = await callStack(stack, role, method, path, body);
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.json)}`);
    return answer.json;
  };
  const upload = async (name: string, bytes: number): Promise<void> => {
    const headers = { 'x-api-key': stack.keys['ingest'] ?? '', 'x-file-name': name };
    const url = `${stack.urls.hosting}/v1/files`;
    const { status } = await whenServed(stack, () =>
      fetch(url, { method: 'POST', headers, body: bytesOf(bytes) }),
    );
    assert.equal(status, 201);
  };
  /** Reads it anew, once the ledger is read in time: an instance that has just started may be too slow. */
  const readHistory = async (): Promise<History> => {
    let found: History | null = null;
    const isKnown = async (): Promise<boolean> => {
      const status = await call('read', 'GET', '/v1/status');
      found = (status['quota_monitor'] as { history: History | null }).history;
      return found !== null;
    };
    await stack.advance(10_000);
    await advanceUntil(stack, isKnown, { stepMs: 10_000, steps: 10 });
    assert.ok(found);
    return found;
  };
  const answers = (taskId: string, uids: readonly number[]): Promise<unknown> =>
    call('ingest', 'POST', '/v1/responses', {
      responses: uids.map((miner_uid) => ({ task_id: taskId, miner_uid, response_data: { miner_uid } })),
    });
  const isQueueEmpty = async (): Promise<boolean> => {
    const { backlog } = (await call('read', 'GET', '/v1/status')) as { backlog: { queued_carriers: number } };
    return backlog.queued_carriers === 0;
  };
  /** Lets all be written, and the instances end that have nothing to do any more. */
  const settle = async (): Promise<void> => {
    await advanceUntil(stack, isQueueEmpty, { stepMs: 30_000, steps: 20 });
    await stack.advance(20 * minuteMs);
    history = await readHistory();
  };

  it('is exactly what was sent, once its instances have ended', async () => {
    for (const task_id of ['a', 'b', 'c'])
      await call('ingest', 'POST', '/v1/tasks', { task_id, task_type: 'x', required_miner_count: 4 });
    for (const taskId of ['a', 'b', 'c']) await answers(taskId, [1, 2, 3, 4]);
    await answers('a', [1, 2]);
    await call('ingest', 'PATCH', '/v1/tasks/a', { priority: 'high' });
    await call('ingest', 'POST', '/v1/operations', {
      operations: [
        { type: 'set', path: 'users/1', data: { name: 'one' } },
        { type: 'update', path: 'users/1', data: { age: 1 } },
        { type: 'delete', path: 'users/2' },
      ],
    });
    await upload('small.txt', 100);
    await upload('large.bin', 100_000);
    for (let uid = 1; uid <= 5; uid += 1) await call('read', 'GET', `/api/v1/miners/${uid}/tasks`);
    await settle();
    const { carriers, ...counts } = history.total;
    assert.deepEqual(counts, { responses: 12, tasks: 3, changes: 1, operations: 3, polls: 5, files: 2 });
    assert.ok((carriers ?? 0) > 0);
    assert.deepEqual(history.month.counts, history.total);
  });

  it('has the operations of Firestore as they are billed, but for those since the last report', () => {
    const { writes, deletes } = stack.usage().firestore;
    const { month, hours } = history;
    assert.ok(
      (month['writes'] ?? 0) <= writes && (month['writes'] ?? 0) >= writes - 3,
      `${month['writes']} of ${writes}`,
    );
    assert.equal(month['deletes'], deletes);
    const sum = hours.reduce((total, hour) => total + (hour['writes'] ?? 0), 0);
    assert.equal(sum, month['writes']);
  });

  it('is never more than what was sent, where the flush is killed before it reports', async () => {
    const before = history.total;
    await call('ingest', 'POST', '/v1/tasks', { task_id: 'd', task_type: 'x', required_miner_count: 4 });
    await answers('d', [1, 2, 3, 4]);
    const isWritten = async (): Promise<boolean> =>
      (await callStack(stack, 'read', 'GET', '/v1/tasks/d')).json['status'] === 'completed';
    await advanceUntil(stack, isWritten, { stepMs: 5_000, steps: 40 });
    assert.ok((await stack.killInstances('flush')) > 0);
    await answers('d', [1, 2, 3, 4]);
    await call('ingest', 'PATCH', '/v1/tasks/d', { priority: 'low' });
    await settle();
    const grown = (kind: string): number => (history.total[kind] ?? 0) - (before[kind] ?? 0);
    assert.ok(grown('responses') <= 4 && grown('tasks') <= 1, JSON.stringify(history.total));
    assert.equal(grown('changes'), 1, 'what comes after the kill is counted by the next instance');
    assert.deepEqual([grown('operations'), grown('files')], [0, 0]);
  });
});
