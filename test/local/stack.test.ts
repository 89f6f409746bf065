import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { CloudTasksClient } from '@google-cloud/tasks';
import { credentials } from '@grpc/grpc-js';
import type { Costs } from '../../local/bill/bill.ts';
import type { FunctionsUsage } from '../../local/functions/index.ts';
import { closeServer, listen } from '../../local/shared/http.ts';
import { type LocalStack, type StackOptions, startStack } from '../../local/stack.ts';
import { fixtureDir, fixtureStack, isAlive, until } from './support.ts';

// Read by the client when it first looks for credentials, which here are nowhere.
process.env['METADATA_SERVER_DETECTION'] ??= 'none';

const options: StackOptions = {
  ports: 'free',
  quiet: true,
  ...fixtureStack,
  env: { GREETING: 'good day' },
};

interface Entry {
  task?: string;
  schedule?: string;
  retry?: number;
  at: number;
}

describe('the local stack', () => {
  let stack: LocalStack;
  let client: CloudTasksClient;

  before(async () => {
    stack = await startStack(options);
    client = new CloudTasksClient({
      servicePath: '127.0.0.1',
      port: stack.ports.tasks,
      sslCreds: credentials.createInsecure(),
      projectId: 'demo-sluice',
    });
  });
  after(async () => {
    await client.close();
    await stack.close();
  });
  afterEach(async () => {
    stack.clearFaults();
    stack.restartDispatcher();
    await stack.killInstances('record');
  });

  const enqueue = (name: string, atMs: number, ms = 0) =>
    client.createTask({
      parent: client.queuePath('demo-sluice', 'us-central1', 'work'),
      task: {
        scheduleTime: { seconds: Math.floor(atMs / 1000), nanos: (atMs % 1000) * 1e6 },
        httpRequest: {
          url: `${stack.urls.functions}/work`,
          headers: { 'content-type': 'application/json' },
          body: Buffer.from(JSON.stringify({ data: { name, ms } })),
        },
      },
    });
  const entries = async (): Promise<Entry[]> =>
    (await (await fetch(`${stack.urls.functions}/record`)).json()) as Entry[];
  const tasksOf = (all: Entry[]): string[] => all.flatMap(({ task }) => task ?? []);
  const control = async (
    method: string,
    path: string,
    body?: object,
  ): Promise<[number, Record<string, unknown>]> => {
    const answer = await fetch(`${stack.urls.hosting}/__local/${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return [answer.status, (await answer.json()) as Record<string, unknown>];
  };
  const assertAbout = (actualMs: number | undefined, expectedMs: number): void => {
    const lateMs = (actualMs ?? 0) - expectedMs;
    // At its moment and not at the end of the advance; how long the machine takes for it is not the question.
    assert.ok(lateMs >= 0 && lateMs < 10_000, `${lateMs} ms late`);
  };

  it('gives functions their parameters and only the secrets they declare', async () => {
    const echo = (await (await fetch(`${stack.urls.hosting}/echo/x`)).json()) as {
      env: Record<string, string>;
    };
    assert.deepEqual(
      [echo.env['greeting'], echo.env['secret'], echo.env['project'], echo.env['home']],
      ['good day', 'given', 'demo-sluice', null],
    );
    const slow = (await (await fetch(`${stack.urls.functions}/slow?ms=0`)).json()) as {
      secret: string | null;
    };
    assert.equal(slow.secret, null);
  });

  describe('advancing the clock', () => {
    it('fires each schedule at each of its moments, and each task and timer at its own', async () => {
      const startMs = stack.now();
      await enqueue('quick', startMs + 70_000);
      await enqueue('working', startMs + 75_000, 20_000);
      const endMs = await stack.advance(180_000);
      assertAbout(endMs, startMs + 180_000);
      const all = await entries();
      const firstMinuteMs = (Math.floor(startMs / 60_000) + 1) * 60_000;
      const minutes = [0, 60_000, 120_000].map((ms) => new Date(firstMinuteMs + ms).toISOString());
      assert.deepEqual(
        all.flatMap(({ schedule }) => schedule ?? []),
        minutes,
      );
      for (const { schedule, at } of all) if (schedule !== undefined) assertAbout(at, Date.parse(schedule));
      assert.deepEqual(tasksOf(all), ['quick', 'working']);
      assertAbout(all.find(({ task }) => task === 'quick')?.at, startMs + 70_000);
      assertAbout(all.find(({ task }) => task === 'working')?.at, startMs + 95_000);
    });

    it('runs nothing that is due later', async () => {
      await enqueue('later', stack.now() + 30_000);
      await stack.advance(20_000);
      assert.deepEqual(tasksOf(await entries()), []);
      await stack.advance(20_000);
      assert.deepEqual(tasksOf(await entries()), ['later']);
    });

    it('keeps the order over many moments', async () => {
      const startMs = stack.now();
      const names = Array.from({ length: 60 }, (_, i) => `tick-${i}`);
      for (const [i, name] of names.entries()) await enqueue(name, startMs + (i + 1) * 5000);
      await stack.advance(300_000);
      assert.deepEqual(tasksOf(await entries()), names);
    });

    it('asked twice at once goes both ways one after the other', async () => {
      const startMs = stack.now();
      const [first, second] = await Promise.all([stack.advance(10_000), stack.advance(10_000)]);
      assertAbout(first, startMs + 10_000);
      assertAbout(second, startMs + 20_000);
    });
  });

  it('repeats a task whose instance was killed in the middle', async () => {
    await enqueue('survivor', stack.now(), 20_000);
    await until(() => stack.instances().some((each) => each.function === 'work' && each.open_requests === 1));
    assert.ok((await stack.killInstances('work')) >= 1);
    await stack.advance(120_000);
    const done = (await entries()).filter(({ task }) => task === 'survivor');
    assert.deepEqual(
      done.map(({ retry }) => retry),
      [1],
    );
  });

  it('holds tasks back while the dispatcher is dead', async () => {
    assert.equal((await control('POST', 'dispatcher/kill'))[0], 200);
    await enqueue('held', stack.now());
    await stack.advance(60_000);
    assert.deepEqual(tasksOf(await entries()), []);
    await control('POST', 'dispatcher/restart');
    await stack.advance(1000);
    assert.deepEqual(tasksOf(await entries()), ['held']);
  });

  it('counts what is used, and from zero after a reset', async () => {
    await stack.advance(1000);
    const [, none] = await control('POST', 'usage/reset');
    assert.deepEqual(none['firestore'], { reads: 0, writes: 0, deletes: 0 });
    assert.deepEqual(none['tasks'], { operations: 0 });
    assert.deepEqual(none['storage'], { class_a: 0, class_b: 0 });
    assert.deepEqual(none['hosting'], { requests: 0, hits: 0, bytes: 0 });
    assert.deepEqual(none['secrets'], { versions: 1 });
    const { by_function: each, ...sums } = none['functions'] as FunctionsUsage;
    assert.equal(Math.max(...Object.values(sums)), 0);
    assert.ok(Object.values(each).every(({ requests, active_s }) => requests + active_s === 0));
    assert.equal((none['dollars'] as Costs).total, 0);
    await enqueue('counted', stack.now());
    await until(async () => tasksOf(await entries()).includes('counted'));
    const [, usage] = await control('GET', 'usage');
    assert.deepEqual(usage['tasks'], { operations: 2 });
    const { by_function: used, active_s } = usage['functions'] as FunctionsUsage;
    assert.equal(used['work']?.by_cause['first']?.requests, 1);
    assert.ok(used['work'].active_s > 0 && active_s >= used['work'].active_s);
    assert.ok((usage['dollars'] as Costs).total > 0);
  });

  it('fails calls as told, until the fault’s time is over', async () => {
    const fault = { service: 'tasks', code: 7, rate: 1, for_ms: 60_000, method: 'CreateTask' };
    assert.equal((await control('POST', 'faults', fault))[0], 200);
    await assert.rejects(enqueue('refused', stack.now()), { code: 7 });
    await stack.advance(60_000);
    await enqueue('taken', stack.now());
    await control('POST', 'faults', fault);
    await control('DELETE', 'faults');
    await enqueue('taken too', stack.now());
    await stack.advance(1000);
    assert.deepEqual(tasksOf(await entries()).sort(), ['taken', 'taken too']);
  });

  it('delivers tasks twice when told so, until told otherwise', async () => {
    const told = { twice: 1, late_ms: 0, shuffle: false };
    assert.deepEqual(await control('POST', 'tasks/delivery', { twice: 1 }), [200, told]);
    await enqueue('doubled', stack.now());
    await stack.advance(1000);
    assert.deepEqual(tasksOf(await entries()), ['doubled', 'doubled']);
    assert.equal((await control('POST', 'tasks/delivery', {}))[1]['twice'], 0);
    await enqueue('single', stack.now());
    await stack.advance(1000);
    assert.deepEqual(tasksOf(await entries()), ['doubled', 'doubled', 'single']);
  });

  it('refuses control requests that are wrong, and says how', async () => {
    const fault = { service: 'tasks', code: 14, rate: 1, for_ms: 1 };
    for (const [wrong, field] of [
      [{ ...fault, service: 'pubsub' }, 'service'],
      [{ ...fault, code: 'UNAVAILABLE' }, 'code'],
      [{ ...fault, rate: 2 }, 'rate'],
      [{ ...fault, for_ms: undefined }, 'for_ms'],
      [{ ...fault, phase: 'during' }, 'phase'],
      [{ ...fault, method: 3 }, 'method'],
    ] as const) {
      const [status, { error }] = await control('POST', 'faults', wrong);
      assert.deepEqual([status, String(error).startsWith(field)], [400, true]);
    }
    assert.equal((await control('POST', 'tasks/delivery', { twice: 2 }))[0], 400);
    assert.equal((await control('POST', 'tasks/delivery', { late: 5 }))[0], 400);
    assert.equal((await control('POST', 'storage/delivery', { twice: 2 }))[0], 400);
    assert.equal((await control('POST', 'storage/delivery', { late_ms: 5 }))[0], 400);
    assert.deepEqual(await control('POST', 'storage/delivery', {}), [200, { twice: 0 }]);
    assert.equal((await control('POST', 'clock/advance', { ms: -1 }))[0], 400);
    assert.equal((await control('POST', 'clock/advance', []))[0], 400);
    assert.equal((await control('POST', 'instances/kill', { function: 'absent' }))[0], 400);
    assert.equal((await control('GET', 'absent'))[0], 404);
  });

  it('tells its instances, each with a port that serves the function itself', async () => {
    await fetch(`${stack.urls.functions}/echo`);
    const [, { instances }] = await control('GET', 'instances');
    const echo = (instances as { function: string; port: number }[]).find((each) => each.function === 'echo');
    const answer = await fetch(`http://127.0.0.1:${echo?.port}/direct`);
    assert.equal(((await answer.json()) as { path: string }).path, '/direct');
  });
});

describe('the end of a local stack', () => {
  it('leaves no process and no port', async () => {
    const stack = await startStack(options);
    await fetch(`${stack.urls.functions}/echo`);
    const [instance] = stack.instances();
    await stack.close();
    assert.equal(isAlive(instance?.pid ?? 0), false);
    for (const [name, port] of Object.entries(stack.ports)) assert.equal(await isOpen(port), false, name);
  });

  it('leaves no process even when its own is killed', async () => {
    const child = spawn(process.execPath, [join(fixtureDir, 'stack.ts')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const line: string = await new Promise((resolve) =>
      createInterface({ input: child.stdout }).once('line', resolve),
    );
    const { instances } = JSON.parse(line) as { instances: { pid: number }[] };
    assert.ok(instances.length > 0 && instances.every(({ pid }) => isAlive(pid)));
    child.kill('SIGKILL');
    await until(() => instances.every(({ pid }) => !isAlive(pid)));
  });
});

describe('a local stack that cannot start', () => {
  let taken: Server;
  before(() => {
    taken = createServer();
  });
  after(() => closeServer(taken));

  it('names the service and the port that is in use', async () => {
    const port = await listen(taken, 0, 'test');
    const start = startStack({ ...options, ports: 'fixed', portOffset: port - 5000 });
    await assert.rejects(start, new RegExp(`Port ${port}, wanted for hosting, is in use`));
  });

  it('names the secret without a value, and leaves nothing open', async () => {
    const stack = startStack({ ...options, secrets: {} });
    await assert.rejects(stack, /FIXTURE_SECRET of echo has no value/);
  });
});

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
