import assert from 'node:assert/strict';
import { type FixtureFunctions, isAlive, startFixtureFunctions, until } from './support.ts';

interface Echo {
  method: string;
  path: string;
  query: Record<string, string>;
  body: unknown;
  raw_bytes: number;
  now: number;
  env: Record<string, string | null>;
}

describe('functions as processes', () => {
  let fixture: FixtureFunctions;
  before(async () => {
    fixture = await startFixtureFunctions();
  });
  after(() => fixture.functions.close());

  const echo = async (path: string, init?: RequestInit): Promise<Echo> => {
    const answer = await fetch(fixture.url(path), init);
    assert.equal(answer.status, 200);
    return answer.json() as Promise<Echo>;
  };
  const openOf = (name: string): number[] =>
    fixture.functions
      .instances()
      .filter((instance) => instance.function === name)
      .map((instance) => instance.open_requests);
  const slow = (ms: number): Promise<Response> => fetch(fixture.url(`slow?ms=${ms}`));

  it('is not reached by what the platform refuses', async () => {
    const before = fixture.functions.instances().length;
    fixture.faults.add({
      service: 'functions',
      method: 'echo',
      code: 403,
      rate: 1,
      forMs: 1_000,
      phase: 'before',
    });
    assert.equal((await fetch(fixture.url('echo'))).status, 403);
    assert.equal(fixture.functions.instances().length, before);
    assert.equal(fixture.faults.hits, 1);
    fixture.faults.clear();
    assert.equal((await echo('echo')).method, 'GET');
  });

  describe('what a function sees', () => {
    it('is the address after its name, still encoded, with the query', async () => {
      const seen = await echo('echo/a%20b/c?x=1&y=%26');
      assert.equal(seen.path, '/a%20b/c');
      assert.deepEqual(seen.query, { x: '1', y: '&' });
      assert.equal((await echo('echo')).path, '/');
      assert.deepEqual((await echo('echo?z=1')).query, { z: '1' });
    });

    it('is a parsed body and its raw bytes', async () => {
      const post = (type: string, body: string) =>
        echo('echo', { method: 'POST', headers: { 'content-type': type }, body });
      const json = await post('application/json', '{"a": [1]}');
      assert.deepEqual([json.body, json.raw_bytes], [{ a: [1] }, 10]);
      assert.deepEqual((await post('application/x-www-form-urlencoded', 'a=1&b=x%20y')).body, {
        a: '1',
        b: 'x y',
      });
      assert.equal((await post('text/plain', 'words')).body, 'words');
      const binary = await post('application/x-ndjson', '{}\n{}\n');
      assert.deepEqual([binary.body, binary.raw_bytes], ['buffer', 6]);
    });

    it('is a body sent in chunks, without a length, as one', async () => {
      const parts = ['{"a":', '"b"}'].map((part) => new TextEncoder().encode(part));
      const body = new ReadableStream({
        pull: (controller) => {
          const part = parts.shift();
          if (part === undefined) controller.close();
          else controller.enqueue(part);
        },
      });
      const headers = { 'content-type': 'application/json' };
      const init: RequestInit = { method: 'POST', headers, body, duplex: 'half' };
      assert.deepEqual((await echo('echo', init)).body, { a: 'b' });
    });

    it('is its parameters, and nothing of the environment the stack runs in', async () => {
      const { env } = await echo('echo');
      assert.deepEqual(env, { greeting: 'hello', secret: null, service: 'echo', project: null, home: null });
    });

    it('is the stack’s clock', async () => {
      const before = fixture.clock.now();
      const { now } = await echo('echo');
      assert.ok(now >= before && now <= fixture.clock.now());
      await fixture.advance(3_600_000);
      assert.ok((await echo('echo')).now >= before + 3_600_000);
    });
  });

  describe('what never reaches a function', () => {
    const statusOf = async (path: string, body: string): Promise<number> => {
      const headers = { 'content-type': 'application/json' };
      return (await fetch(fixture.url(path), { method: 'POST', headers, body })).status;
    };

    it('is a body that does not parse, or is over 32 MB', async () => {
      assert.equal(await statusOf('echo', '{"a"'), 400);
      assert.equal(await statusOf('echo', `"${'x'.repeat(32 * 1024 * 1024)}"`), 413);
    });

    it('is an address that names none', async () => {
      assert.equal(await statusOf('none', '{}'), 404);
      assert.equal(await statusOf('../other-project/us-central1/echo', '{}'), 404);
    });
  });

  describe('instances', () => {
    it('fill up before another one starts, up to the limit; what finds no room for 10 s gets 429', async () => {
      const answers = [slow(20_000), slow(20_000)];
      await until(() => openOf('slow').join() === '2');
      answers.push(slow(20_000));
      await until(() => openOf('slow').join() === '2,1');
      answers.push(slow(20_000));
      await until(() => openOf('slow').join() === '2,2');
      const refused = slow(0);
      await until(() => fixture.functions.inFlight() === 5);
      await fixture.advance(11_000);
      assert.equal((await refused).status, 429);
      await fixture.advance(9_000);
      const instances = await Promise.all(
        answers.map(async (answer) => (await answer).json() as Promise<{ instance: string }>),
      );
      assert.equal(new Set(instances.map(({ instance }) => instance)).size, 2);
    });

    it('take a waiting request as soon as one of theirs is done', async () => {
      const first = [slow(5000), slow(5000), slow(9000), slow(9000)];
      await until(() => openOf('slow').join() === '2,2');
      const waiting = slow(0);
      await until(() => fixture.functions.inFlight() === 5);
      await fixture.advance(5000);
      assert.equal((await waiting).status, 200);
      await fixture.advance(4000);
      for (const answer of first) assert.equal((await answer).status, 200);
    });

    it('give their requests 504 past the timeout, and go on', async () => {
      const late = slow(31_000);
      await until(() => openOf('slow').some((open) => open === 1));
      await fixture.advance(30_000);
      assert.equal((await late).status, 504);
      await until(() => openOf('slow').every((open) => open === 0));
      assert.equal((await slow(0)).status, 200);
    });

    it('that are killed lose their requests with 503, and the next request has a new one', async () => {
      const lost = slow(20_000);
      await until(() => openOf('slow').some((open) => open === 1));
      const pids = fixture.functions.instances().filter(({ function: name }) => name === 'slow');
      assert.equal(await fixture.functions.kill('slow'), pids.length);
      assert.equal((await lost).status, 503);
      for (const { pid } of pids) assert.equal(isAlive(pid ?? 0), false);
      assert.equal((await slow(0)).status, 200);
    });

    it('that end by themselves answer 500 with their last breath, are reported, and replaced', async () => {
      assert.equal((await fetch(fixture.url('crash'))).status, 500);
      await until(() =>
        fixture.log.some(
          ([source, { message }]) => source === 'crash' && /ended by itself \(code 3\)/.test(message),
        ),
      );
      assert.equal((await fetch(fixture.url('crash'))).status, 500);
    });

    it('that use more memory than they may are killed, with the requests they have', async () => {
      const hog = (mib: number, ms: number) => fetch(fixture.url(`hog?mib=${mib}&ms=${ms}`));
      assert.equal((await hog(50, 0)).status, 200);
      const other = hog(0, 60_000);
      await until(() => openOf('hog').join() === '1');
      assert.equal((await hog(300, 60_000)).status, 503);
      assert.equal((await other).status, 503);
      const logged = fixture.log.filter(([source]) => source === 'hog').map(([, { message }]) => message);
      assert.match(
        logged.join('; '),
        /^Memory limit of 256 MiB exceeded with \d+ MiB used: the instance is killed\.$/,
      );
      assert.equal((await hog(50, 0)).status, 200);
    });

    it('that are idle for 15 minutes end', async () => {
      await slow(0);
      assert.notDeepEqual(openOf('slow'), []);
      const usedMs = fixture.clock.now();
      await fixture.advance(16 * 60_000);
      assert.deepEqual(openOf('slow'), [], 'the clock waits for what they do then');
      const ends = fixture.log.filter(([source, { message }]) => source === 'slow' && message === 'ends');
      const endedMs = Number(ends.at(-1)?.[1]['now']);
      assert.ok(endedMs >= usedMs + 14 * 60_000, 'at the time to which the clock was moved');
    });

    it('free the slot of a caller that went away', async () => {
      const abort = new AbortController();
      const gone = fetch(fixture.url('slow?ms=20000'), { signal: abort.signal });
      await until(() => openOf('slow').includes(1));
      abort.abort();
      await assert.rejects(gone);
      await until(() => fixture.functions.inFlight() === 0);
      assert.deepEqual(openOf('slow'), [0]);
      await fixture.functions.kill('slow');
    });
  });

  it('pass on what a function logs, an entry a line', async () => {
    await slow(0);
    await until(() => fixture.log.some(([, { message }]) => message === 'slow begins'));
    const entry = fixture.log.find(([, { message }]) => message === 'slow begins');
    const fields: Record<string, unknown> = entry?.[1] ?? {};
    const {
      'logging.googleapis.com/labels': labels,
      'logging.googleapis.com/spanId': span,
      ...logged
    } = fields;
    assert.deepEqual(logged, { severity: 'WARNING', message: 'slow begins', ms: 0 });
    // The framework's, by which Cloud Logging tells one request's lines from another's.
    assert.deepEqual(Object.keys(labels ?? {}), ['execution_id']);
    assert.match(String(span), /^\d+$/);
  });

  it('bill requests, and the time with a request open once, in units of 100 ms', async () => {
    await slow(0);
    fixture.functions.resetUsage();
    const both = [slow(20_000), slow(20_000)];
    await until(() => openOf('slow').join() === '2');
    await fixture.advance(20_000);
    await Promise.all(both);
    const { requests, active_s, vcpu_s, gib_s, by_function } = fixture.functions.usage();
    assert.equal(requests, 2);
    assert.ok(active_s >= 20 && active_s < 25, `${active_s} s`);
    assert.equal(Number.isInteger(active_s * 10), true);
    assert.deepEqual([vcpu_s, gib_s], [active_s, active_s / 4], 'as declared: 1 vCPU, 256 MiB');
    assert.deepEqual(by_function['slow']?.by_cause, { 'GET /': { requests: 2, active_s } });
  });
});

describe('the bill of functions', () => {
  let fixture: FixtureFunctions;
  before(async () => {
    fixture = await startFixtureFunctions((spec) =>
      spec.name === 'echo' ? { ...spec, vcpu: 0.5, memoryBytes: 2 ** 29 } : spec,
    );
  });
  after(() => fixture.functions.close());

  it('is by each function’s own share of CPU and memory, its start, and what its requests are for', async () => {
    for (const path of ['echo/v1/things', 'echo/v1/things/42/parts?x=1', 'echo/api/v1/miners/7/tasks'])
      await (await fetch(fixture.url(path))).text();
    const { vcpu_s, gib_s, egress_bytes, secret_accesses, by_function } = fixture.functions.usage();
    const { active_s = 0, starts, requests, by_cause = {} } = by_function['echo'] ?? {};
    assert.deepEqual([starts, requests, secret_accesses], [1, 3, 1]);
    assert.deepEqual([vcpu_s, gib_s], [active_s / 2, active_s / 2]);
    assert.deepEqual(Object.keys(by_cause).sort(), [
      'GET /api/v1/miners/…',
      'GET /v1/things',
      'GET /v1/things/…',
      'start',
    ]);
    const sum = Object.values(by_cause).reduce((total, cause) => total + cause.active_s, 0);
    assert.ok(Math.abs(sum - active_s) < 0.001 && (by_cause['start']?.active_s ?? 0) > 0);
    assert.ok(egress_bytes > 1_000);
  });

  it('is forgotten by a reset, the instances that have ended too', async () => {
    await fixture.functions.kill('echo');
    assert.ok((fixture.functions.usage().by_function['echo']?.active_s ?? 0) > 0);
    fixture.functions.resetUsage();
    const { by_function, ...sums } = fixture.functions.usage();
    assert.equal(Math.max(...Object.values(sums)), 0);
    assert.deepEqual(by_function['echo']?.by_cause, {});
  });
});

describe('functions with a minimum of instances', () => {
  let fixture: FixtureFunctions;
  const pids = () => fixture.functions.instances().map(({ pid }) => pid);
  beforeEach(async () => {
    fixture = await startFixtureFunctions((spec) =>
      spec.name === 'slow' ? { ...spec, minInstances: 1, concurrency: 1 } : spec,
    );
    fixture.functions.warm();
    await until(() => fixture.functions.startingCount() === 0);
  });
  afterEach(() => fixture.functions.close());

  it('have them before the first request, and keep them when there is nothing to do', async () => {
    const [warm, ...others] = pids();
    assert.deepEqual(others, []);
    const answers = [20_000, 20_000].map((ms) => fetch(fixture.url(`slow?ms=${ms}`)));
    await until(() => fixture.functions.instances().every(({ open_requests }) => open_requests === 1));
    await fixture.advance(20_000);
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    assert.deepEqual(statuses, [200, 200]);
    assert.equal(pids().length, 2);
    assert.ok(pids().includes(warm));
    await fixture.advance(15 * 60_000);
    await until(() => pids().length === 1);
    await fixture.advance(60 * 60_000);
    assert.equal(pids().length, 1);
  });

  it('have a new one for one that died', async () => {
    const [before] = pids();
    await fixture.functions.kill('slow');
    await until(() => pids().length === 1 && fixture.functions.startingCount() === 0);
    assert.notEqual(pids()[0], before);
  });
});

describe('functions that cannot start', () => {
  it('answer 500 and say why in the log', async () => {
    const fixture = await startFixtureFunctions((spec) => ({ ...spec, entryPoint: 'absent' }));
    try {
      assert.equal((await fetch(fixture.url('echo'))).status, 500);
      assert.ok(fixture.log.some(([, { message }]) => /'absent' is not defined/.test(message)));
    } finally {
      await fixture.functions.close();
    }
  });

  it('are not started over and over for their minimum, nor for their memory', async () => {
    const fixture = await startFixtureFunctions((spec) =>
      spec.name === 'echo' ? { ...spec, minInstances: 1, memoryBytes: 10 * 1024 * 1024 } : spec,
    );
    try {
      fixture.functions.warm();
      await until(() => fixture.functions.instances().length === 0);
      // Either its own heap or the platform ends it, whichever sees it first.
      const ends = fixture.log.filter(([, { message }]) =>
        /^Memory limit of 10 MiB|ended by itself/.test(message),
      );
      assert.equal(ends.length, 1);
      assert.equal((await fetch(fixture.url('echo'))).status, 500);
    } finally {
      await fixture.functions.close();
    }
  });

  it('leave nothing behind when they are closed while they start', async () => {
    const fixture = await startFixtureFunctions();
    const answer = fetch(fixture.url('echo')).then(
      ({ status }) => status,
      () => 0,
    );
    await until(() => fixture.functions.instances().length === 1);
    const pid = fixture.functions.instances()[0]?.pid ?? 0;
    await fixture.functions.close();
    assert.equal(isAlive(pid), false);
    assert.notEqual(await answer, 200);
  });
});
