import assert from 'node:assert/strict';
import { type Api, type Backend, until } from '../support/api.ts';
import { startMs } from '../support/clock.ts';
import { created, response } from '../support/events.ts';
import type { Answer } from '../support/http.ts';
import { startReading } from './support.ts';

/** The time after a tick by which its flush has written, as readers reckon. */
const settledMs = 1300;

describe('GET /v1/tasks/{id}?wait=completed', () => {
  let backend: Backend;
  let api: Api;

  beforeEach(async () => {
    ({ backend, api } = await startReading());
    await backend.write(created('t1', startMs, { task_type: 'tts', required_miner_count: 1 }));
    backend.billedReads();
  });

  afterEach(() => backend.close());

  /** Moves on to each of these moments, once this many wait for it. */
  async function moveThrough(moments: readonly number[], waiting = 1): Promise<void> {
    for (const atMs of moments) {
      await until(() => backend.clock.timersAt(atMs) === waiting);
      backend.clock.moveTo(atMs);
    }
  }

  it('answers at once when the task is over', async () => {
    await backend.write(response('t1', startMs + 1, 4));

    const { status, json } = await api.get('/v1/tasks/t1?wait=completed');

    assert.equal(status, 200);
    assert.equal(json['status'], 'completed');
    assert.equal(backend.billedReads(), 1);
  });

  it('answers right after the flush that completes it: within 7 s of any response', async () => {
    const answer = api.get('/v1/tasks/t1?wait=completed');
    // The response came just after the tick at 0 s, so its carrier is due at 5 s.
    await moveThrough([settledMs]);
    await until(() => backend.clock.timersAt(5000 + settledMs) === 1);
    await backend.write(response('t1', startMs + 1, 4));
    backend.clock.moveTo(5000 + settledMs);

    const { json, headers } = await answer;

    assert.equal(json['status'], 'completed');
    assert.equal(headers.get('x-firestore-reads'), '3', 'one at the start and one after each tick');
    assert.equal(backend.clock.offsetMs(), 6300);
  });

  it('shares its reads among all who wait for the task', async () => {
    const answers = Array.from({ length: 50 }, () => api.get('/v1/tasks/t1?wait=completed'));
    await until(() => backend.clock.timersAt(settledMs) === 50);
    await backend.write(response('t1', startMs + 1, 4));
    backend.clock.moveTo(settledMs);

    const done = await Promise.all(answers);

    assert.ok(done.every(({ json }) => json['status'] === 'completed'));
    assert.equal(backend.billedReads(), 2);
    assert.equal(sum(done), 2);
  });

  it('answers with the present state when the time is over', async () => {
    const answer = api.get('/v1/tasks/t1?wait=completed');
    await moveThrough([settledMs, 6300, 11_300, 16_300, 21_300, 25_000]);

    const { status, json, headers } = await answer;

    assert.equal(status, 200);
    assert.equal(json['status'], 'pending');
    assert.equal(headers.get('x-firestore-reads'), '6');
    assert.equal(backend.billedReads(), 6);
  });

  it('waits as long as it is told', async () => {
    const answer = api.get('/v1/tasks/t1?wait=completed&timeout=1');
    await moveThrough([1000]);

    assert.equal((await answer).json['status'], 'pending');
    assert.equal(backend.billedReads(), 1);
  });

  it('waits for a task that does not exist yet, and answers 404 if it never does', async () => {
    const found = api.get('/v1/tasks/t2?wait=completed&timeout=2');
    const missed = api.get('/v1/tasks/t3?wait=completed&timeout=2');
    await until(() => backend.clock.timersAt(settledMs) === 2);
    await backend.write(created('t2', startMs));
    backend.clock.moveTo(settledMs);
    await moveThrough([2000], 2);

    assert.equal((await found).status, 200);
    assert.equal((await missed).status, 404);
  });

  it('bears a failure in between, and answers 503 for one that lasts', async () => {
    const fault = { service: 'firestore', code: 8, rate: 1, phase: 'before' } as const;
    backend.faults.add({ ...fault, forMs: 1000 });
    const answer = api.get('/v1/tasks/t1?wait=completed');
    await until(() => backend.clock.timersAt(settledMs) === 1);
    await backend.write(response('t1', startMs + 1, 4)).catch(() => undefined);
    backend.clock.moveTo(1000);
    await backend.write(response('t1', startMs + 1, 4));
    await moveThrough([settledMs]);
    assert.equal((await answer).json['status'], 'completed');

    backend.faults.add({ ...fault, forMs: 60_000 });
    const failing = api.get('/v1/tasks/t9?wait=completed&timeout=1');
    await moveThrough([2300]);
    assert.equal((await failing).status, 503);
  });

  it('refuses what it cannot wait for', async () => {
    for (const query of ['wait=failed', 'wait=completed&timeout=0', 'wait=completed&timeout=26']) {
      assert.equal((await api.get(`/v1/tasks/t1?${query}`)).status, 400, query);
    }
    assert.equal((await api.get('/v1/tasks/t1?wait=completed&timeout=soon')).status, 400);
    assert.equal(backend.billedReads(), 0);
  });
});

function sum(answers: readonly Answer[]): number {
  return answers.reduce((total, { headers }) => total + Number(headers.get('x-firestore-reads')), 0);
}
