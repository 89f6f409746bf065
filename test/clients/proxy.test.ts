import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { openDatabase, readTasks } from '../../bench/shared/database.ts';
import { responsesFault, type SentResponse, statusFault } from '../../bench/shared/expected.ts';
import { seeded } from '../../bench/shared/random.ts';
import { type LocalStack, startStack } from '../../local/stack.ts';
import { build } from '../support/build.ts';

/** More by hand: `SLUICE_TEST_KILLS=200 npx mocha --no-config test/clients/proxy.test.ts`. */
const kills = Number(process.env['SLUICE_TEST_KILLS'] ?? 8);
const minersPerTask = 5;
const callers = 32;
/** A kill comes after at most so many answers. */
const mostAnswers = 40;
const root = join(import.meta.dirname, '../..');

/** A running example: its address, and its process. */
interface Proxy {
  url: string;
  child: ChildProcessByStdio<null, Readable, Readable>;
}

/** Calls as existing miners and clients do: each on a connection of its own. Rejects where it is cut. */
function post(url: string, type: string, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': type, 'content-length': Buffer.byteLength(body) };
    const call = request(url, { method: 'POST', agent: false, headers }, (answer) => {
      answer.once('error', reject).once('end', () => resolve(answer.statusCode ?? 0));
      answer.resume();
    });
    call.once('error', reject).end(body);
  });
}

/** A response as miners send it: a form, with its data as JSON's text. */
function form({ response_data, ...fields }: SentResponse): string {
  const pairs = Object.entries({ ...fields, response_data: JSON.stringify(response_data) });
  return new URLSearchParams(
    pairs.map(([name, value]): [string, string] => [name, String(value)]),
  ).toString();
}

describe('the example of a proxy', function () {
  this.timeout(60_000 + kills * 3_000);
  const directory = mkdtempSync(join(tmpdir(), 'sluice-proxy-'));
  const running = new Set<Proxy['child']>();
  let stack: LocalStack;

  before(async () => {
    build();
    stack = await startStack({ ports: 'free', projectId: 'demo-proxy', quiet: true });
  });
  after(async () => {
    for (const child of running) child.kill('SIGKILL');
    await stack.close();
    rmSync(directory, { recursive: true });
  });

  async function startProxy(outbox: string, command = 'exec python3 -B examples/proxy'): Promise<Proxy> {
    const child = spawn('sh', ['-c', command], {
      cwd: root,
      env: {
        ...process.env,
        SLUICE_URL: stack.urls.hosting,
        SLUICE_API_KEY: stack.keys['proxy'] ?? '',
        SLUICE_OUTBOX: join(directory, outbox),
        PORT: '0',
        NO_PROXY: '127.0.0.1',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    child.once('exit', () => running.delete(child));
    const errors = text(child.stderr);
    const first = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
    const url = /http:\S+(?=;)/.exec(String(first[0]))?.[0];
    if (url === undefined) throw new Error(`The example did not start: ${await errors}`);
    return { url, child };
  }

  /** Ends it as a deploy does, so that it sends what it can, until nothing waits in its outbox. */
  async function drained(outbox: string, last: Proxy): Promise<void> {
    for (let proxy = last, tries = 5; ; proxy = await startProxy(outbox), tries -= 1) {
      proxy.child.kill('SIGTERM');
      const [code] = await once(proxy.child, 'exit');
      assert.equal(code, 0);
      const shows = spawn('python3', ['-B', '-m', 'sluice', 'outbox', join(directory, outbox)], {
        cwd: join(root, 'clients/python'),
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const shown = await text(shows.stdout);
      assert.match(shown, /\(0 were refused ever\)/);
      if (/^0 events wait/.test(shown)) return;
      assert.ok(tries > 0, shown);
    }
  }

  /** Faults of tasks that were created, each with the responses that were answered 200, as Firestore has them. */
  async function faults(responses: readonly SentResponse[], taskIds: readonly string[]): Promise<string[]> {
    await stack.advance(130_000);
    const database = openDatabase(stack);
    try {
      const documents = await readTasks(database, taskIds);
      return taskIds.flatMap((task_id, index) => {
        const sent = responses.filter((response) => response.task_id === task_id);
        const task = { task_id, required_miner_count: minersPerTask, responses: sent };
        const document = documents[index] ?? {};
        const fault = responsesFault(task, document) ?? statusFault(task, document);
        return fault === undefined ? [] : [`${task_id}: ${fault}`];
      });
    } finally {
      await database.terminate();
    }
  }

  it('keeps each answer that it gave, once and unaltered, however often it is killed', async () => {
    const random = seeded(19);
    // All that the callers of each life can have answered, so that the last kill finds load, too.
    const tasks = Math.ceil((kills * (mostAnswers + callers)) / (1 + minersPerTask));
    const taskIds = Array.from({ length: tasks }, (_, index) => `killed-${index}`);
    const todo: (string | SentResponse)[] = taskIds.flatMap((task_id) => [
      task_id,
      ...Array.from({ length: minersPerTask }, (_, miner_uid) => ({
        task_id,
        miner_uid,
        response_data: { text: `é ${random()} ${'x'.repeat(random() * 2_000)}`, list: [miner_uid, null] },
        accuracy_score: random(),
      })),
    ]);
    const kept: SentResponse[] = [];
    let answers = 0;
    let cut = 0;

    /** Sends the next, and again in the next life what was cut; of some the miner thinks better, and is too late. */
    async function call(url: string): Promise<void> {
      const next = todo.shift();
      if (next === undefined) return;
      const [path, type, body] =
        typeof next === 'string'
          ? ['/v1/tasks', 'application/json', taskBody(next)]
          : ['/api/v1/miner/response', 'application/x-www-form-urlencoded', form(next)];
      try {
        assert.equal(await post(url + path, type, body), 200);
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        cut += 1;
        todo.unshift(next);
        throw error;
      }
      answers += 1;
      if (typeof next === 'string') return;
      kept.push(next);
      if (random() < 0.1) todo.push({ ...next, response_data: 'another', accuracy_score: 1 });
    }
    /** Sends until all is sent, or so many more were answered. */
    async function send({ url, child }: Proxy, most: number): Promise<void> {
      const end = answers + most;
      const caller = async (): Promise<void> => {
        while (todo.length > 0 && answers < end) {
          if (child.killed) return;
          await call(url).catch((error: unknown) => {
            if (!child.killed) throw error;
          });
          if (answers >= end) child.kill('SIGKILL');
        }
      };
      await Promise.all(Array.from({ length: callers }, caller));
    }

    for (let kill = 0; kill < kills; kill += 1) {
      const proxy = await startProxy('killed.db');
      const ended = once(proxy.child, 'exit');
      await send(proxy, 1 + Math.floor(random() * mostAnswers));
      assert.ok(proxy.child.killed, 'The load ended before the kills did.');
      await ended;
    }
    const last = await startProxy('killed.db');
    await send(last, Number.POSITIVE_INFINITY);
    await drained('killed.db', last);
    assert.ok(cut > kills, `${cut} calls were cut`);
    assert.deepEqual(await faults(kept, taskIds), []);
  });

  it('answers 503 while the disk refuses, and keeps what it answered before and after', async () => {
    const taskIds = Array.from({ length: 40 }, (_, index) => `full-${index}`);
    const kept: SentResponse[] = [];
    const statuses = new Set<number>();
    const send = async ({ url }: Proxy): Promise<void> => {
      for (const task_id of taskIds) {
        const response = { task_id, miner_uid: 1, response_data: { task_id, text: 'y'.repeat(20_000) } };
        const type = 'application/x-www-form-urlencoded';
        const status = await post(`${url}/api/v1/miner/response`, type, form(response));
        statuses.add(status);
        if (status === 200) kept.push(response);
      }
    };
    const limited = await startProxy('full.db', 'ulimit -f 600; exec python3 -B examples/proxy');
    await send(limited);
    limited.child.kill('SIGKILL');
    await once(limited.child, 'exit');
    assert.deepEqual([...statuses], [200, 503]);
    const proxy = await startProxy('full.db');
    for (const task_id of taskIds)
      assert.equal(await post(`${proxy.url}/v1/tasks`, 'application/json', taskBody(task_id)), 200);
    await send(proxy);
    await drained('full.db', proxy);
    assert.deepEqual(await faults(kept, taskIds), []);
  });
});

function taskBody(task_id: string): string {
  return JSON.stringify({ task_id, task_type: 'example', required_miner_count: minersPerTask });
}
