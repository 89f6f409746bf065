import assert from 'node:assert/strict';
import { quotaReader } from '../../functions/src/quota/reader.ts';
import { quotaRoutes } from '../../functions/src/quota/routes.ts';
import { startMs } from '../support/clock.ts';
import { type Answer, firstKeys, serveRoutes, type TestServer } from '../support/http.ts';
import { MemoryObjects } from '../support/objects.ts';
import { asked, freeTier, plenty, Scene } from './scene.ts';

const leasesPath = '/v1/quota/leases';
/** Midnight in Los Angeles. */
const resetMs = startMs + 8 * 3_600_000;

describe('Quota routes', () => {
  const servers: TestServer[] = [];
  after(() => Promise.all(servers.map((server) => server.close())));

  async function start(limits = freeTier) {
    const scene = new Scene(limits);
    const { clock, logger, days } = scene;
    const reader = quotaReader({
      ledger: scene.ledger(),
      days,
      limits: { ...limits, quotaPerSecond: { writes: 1_000, reads: 10_000, deletes: 500 } },
      clock,
    });
    const secret = firstKeys([{ id: 'other', role: 'ingest', key: 'other-key' }]);
    const objects = new MemoryObjects(clock).connect();
    const { throttle } = scene.process('api');
    const routes = quotaRoutes({ ledger: scene.ledger(), reader, days, throttle, clock, ids: scene.ids });
    const server = await serveRoutes(routes, { secret, objects, clock, logger });
    servers.push(server);
    const call = async (
      method: string,
      path: string,
      body?: unknown,
      key = 'ingest-key',
    ): Promise<Answer> => {
      // The limit on requests is not what is tested.
      await clock.advance(200);
      return server.call(path, {
        method,
        headers: { 'x-api-key': key, 'content-type': 'application/json' },
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
    };
    return {
      scene,
      call,
      take: (body: unknown, key?: string) => call('POST', leasesPath, body, key),
      refund: (id: unknown, spent?: unknown, key?: string) =>
        call('DELETE', `${leasesPath}/${String(id)}`, spent === undefined ? undefined : { spent }, key),
      get: (path: string) => call('GET', path, undefined, 'read-key'),
    };
  }

  it('take what is null or empty as not said', async () => {
    const { take } = await start();
    const empty = { reads: null, deletes: '', ttl_s: null, renew: null };
    const { status, json } = await take({ writes: 60, ...empty });
    assert.equal(status, 201);
    assert.deepEqual(json['granted'], { writes: 60, reads: 0, deletes: 0 });
  });

  it('lend quota, and take the rest back', async () => {
    const { scene, take, refund } = await start();
    const nowMs = scene.clock.now() + 200;
    const { status, json } = await take({ writes: 150, reads: 50, ttl_s: 30 });
    assert.equal(status, 201);
    const { lease_id: id, ...rest } = json;
    assert.match(String(id), /^2025-12-31\./);
    assert.deepEqual(rest, {
      granted: { writes: 150, reads: 50, deletes: 0 },
      per_second: { writes: 5, reads: 1.666, deletes: 0 },
      starts_at: new Date(nowMs).toISOString(),
      expires_at: new Date(nowMs + 30_000).toISOString(),
    });
    assert.deepEqual(scene.state?.charged, { writes: 151, reads: 51, deletes: 0 });

    assert.equal((await refund(id, { writes: 100 })).status, 204);
    assert.deepEqual(scene.state?.charged, { writes: 102, reads: 2, deletes: 0 });
    assert.deepEqual(scene.state?.leases, []);
  });

  it('count what proxies spent under their own cause', async () => {
    const { scene, take, refund } = await start();
    const { json } = await take({ writes: 100, reads: 10 });
    await refund(json['lease_id'], { writes: 30 });
    const renewed = await take({ writes: 100 });
    await take({ writes: 5, renew: { lease_id: renewed.json['lease_id'], spent: { writes: 7 } } });
    assert.deepEqual(scene.state?.used.byPurpose['leases'], { writes: 37, reads: 0, deletes: 0 });
  });

  it('log the limits that a lease nears', async () => {
    const { scene, take } = await start({ ...plenty, daily: { ...plenty.daily, writes: 10 } });
    for (let index = 0; index < 4; index += 1) await take({ writes: 1, reads: 0, deletes: 0 });
    const lines = scene.logger.lines.map(({ message }) => message);
    assert.ok(lines.includes('QUOTA WARNING writes per_day'), lines.join('\n'));
  });

  it('say of no kind without a daily limit what is charged', async () => {
    const { take, get } = await start({ ...plenty, daily: { ...plenty.daily, writes: 20_000 } });
    await take({ writes: 10, reads: 10 });
    assert.deepEqual((await get('/v1/quota')).json['charged_today'], {
      ...{ writes: 11, reads: null, deletes: null },
    });
  });

  it('take all for spent where a return says nothing, and give the rate back', async () => {
    const { scene, take, refund } = await start();
    const { json } = await take({ writes: 100 });
    assert.equal((await refund(json['lease_id'])).status, 204);
    assert.deepEqual(scene.state?.leases, []);
    assert.equal(scene.state?.charged.writes, 102);
  });

  it('renew in one step', async () => {
    const { scene, take } = await start();
    const first = await take({ writes: 100, ttl_s: 10 });
    const renew = { lease_id: first.json['lease_id'], spent: { writes: 60 } };
    const second = await take({ writes: 100, ttl_s: 10, renew });
    assert.equal(second.status, 201);
    assert.notEqual(second.json['lease_id'], first.json['lease_id']);
    assert.equal(scene.state?.charged.writes, 60 + 100 + 2);
    assert.equal(scene.state?.leases.length, 1);
  });

  it('grant less than is wished where there is less, and say 429 and when to come again where there is nothing', async () => {
    const { take } = await start({ ...plenty, daily: { ...plenty.daily, writes: 300 } });
    const first = await take({ writes: 1_000_000 });
    assert.deepEqual(first.json['granted'], { writes: 3, reads: 0, deletes: 0 }, 'a hundredth of the day');
    const all = await take({ writes: 100_000, ttl_s: 1 }, 'other-key');
    assert.equal(all.status, 429);
    assert.match(String(all.json['detail']), /rate/);
    const retryAfter = Number(all.headers.get('retry-after'));
    assert.ok(retryAfter >= 1 && retryAfter <= 60);

    const spent = await start({ ...plenty, daily: { ...plenty.daily, writes: 10 } });
    let answer = await spent.take({ writes: 1 });
    for (let index = 0; index < 20 && answer.status === 201; index += 1)
      answer = await spent.take({ writes: 1 });
    assert.equal(answer.status, 429);
    assert.match(String(answer.json['detail']), /daily_budget/);
    assert.equal(answer.headers.get('retry-after'), '900');
  });

  it('take up to 32 leases of a key, then 429 and when to come again, until one is given back', async () => {
    const { take, refund } = await start();
    const taken = [];
    for (let index = 0; index < 32; index += 1) taken.push(await take({ writes: 1, ttl_s: 600 }));
    assert.ok(taken.every(({ status }) => status === 201));
    const refused = await take({ writes: 1 });
    assert.equal(refused.status, 429);
    assert.match(String(refused.json['detail']), /too_many_leases/);
    assert.equal(refused.headers.get('retry-after'), '595');
    assert.equal((await take({ writes: 1 }, 'other-key')).status, 201);
    assert.equal((await refund(String(taken[0]?.json['lease_id']))).status, 204);
    assert.equal((await take({ writes: 1 })).status, 201);
  });

  const badWishes: [string, unknown, RegExp][] = [
    ['negative', { writes: -1 }, /writes: .*integer from 0/],
    ['zero', { writes: 0, reads: 0 }, /how many/],
    ['fractional', { reads: 1.5 }, /reads: .*integer/],
    ['huge', { deletes: 1_000_001 }, /deletes: .*to 1000000/],
    ['beyond what numbers hold', '{"writes": 1e999}', /writes/],
    ['text', { writes: '5' }, /writes/],
    ['null', { writes: null }, /writes/],
    ['nothing', {}, /how many/],
    ['only a time', { ttl_s: 5 }, /how many/],
    ['an unknown field', { writes: 1, write: 2 }, /Unknown field "write"/],
    ['no time', { writes: 1, ttl_s: 0 }, /ttl_s/],
    ['too long a time', { writes: 1, ttl_s: 3_601 }, /ttl_s/],
    ['a list', [{ writes: 1 }], /object/],
    ['no JSON', 'writes=1', /JSON/],
    ['a renewal of nothing', { writes: 1, renew: {} }, /renew\.lease_id/],
    ['a renewal that says not what was spent', { writes: 1, renew: { lease_id: 'x' } }, /spent|object/],
    [
      'a renewal with negative spending',
      { writes: 1, renew: { lease_id: 'x', spent: { writes: -1 } } },
      /writes/,
    ],
  ];
  it('refuse bad wishes with what is wrong, and change nothing', async () => {
    const { scene, take } = await start();
    for (const [name, body, message] of badWishes) {
      const { status, json } = await take(body);
      assert.equal(status, 400, `${name}: ${JSON.stringify(json)}`);
      assert.equal(json['code'], 'invalid_request');
      assert.match(String(json['detail']), message, name);
    }
    assert.equal(scene.ledgerWrites + scene.ledgerReads, 0);
  });

  it('refuse bad returns and renewals with what is wrong, and change nothing', async () => {
    const { scene, take, refund } = await start();
    const { json } = await take({ writes: 100 });
    const id = json['lease_id'];
    const returned = (await take({ writes: 7 })).json['lease_id'];
    await refund(returned, { writes: 1 });
    const before = JSON.stringify(scene.state);
    const bad: [string, unknown, unknown, string, number, RegExp][] = [
      ['unknown', 'nobody', { writes: 0 }, 'ingest-key', 404, /no such lease/],
      ['twice', returned, { writes: 1 }, 'ingest-key', 404, /returned already/],
      ["another's", id, { writes: 1 }, 'other-key', 404, /no such lease of this key/],
      ['too much', id, { writes: 101 }, 'ingest-key', 400, /more than the lease granted/],
      ['another kind', id, { reads: 1 }, 'ingest-key', 400, /more than the lease granted/],
      ['negative', id, { writes: -1 }, 'ingest-key', 400, /writes/],
      ['fractional', id, { writes: 0.5 }, 'ingest-key', 400, /writes/],
      ['huge', id, { writes: 1e12 }, 'ingest-key', 400, /writes/],
      ['an unknown kind', id, { updates: 1 }, 'ingest-key', 400, /Unknown field "updates"/],
      [
        'an earlier day',
        '2025-12-30.00000000-0000-4000-8000-000000000001',
        { writes: 1 },
        'ingest-key',
        409,
        /earlier day/,
      ],
    ];
    for (const [name, lease, spent, key, status, message] of bad) {
      const answer = await refund(lease, spent, key);
      assert.equal(answer.status, status, `${name}: ${answer.text}`);
      assert.match(String(answer.json['detail']), message, name);
      const renewal = await take({ writes: 5, renew: { lease_id: lease, spent } }, key);
      assert.equal(renewal.status, status, `renewal, ${name}: ${renewal.text}`);
      assert.equal(JSON.stringify(scene.state), before, name);
    }
    assert.equal((await refund(id, { writes: 100 })).status, 204, 'the lease itself still stands');
  });

  it('credit nothing of an earlier day, and grant nothing at the reset', async () => {
    const { scene, take, refund } = await start();
    await scene.clock.advance(resetMs - scene.clock.now() - 10_000);
    const { json } = await take({ writes: 50, ttl_s: 600 });
    assert.equal(json['expires_at'], new Date(resetMs - 1_000).toISOString());
    await scene.clock.advance(resetMs - scene.clock.now() - 600);
    const during = await take({ writes: 50 });
    assert.equal(during.status, 429);
    assert.match(String(during.json['detail']), /reset/);
    assert.equal((await refund(json['lease_id'], { writes: 0 })).status, 503);
    await scene.clock.advance(3_000);
    await take({ writes: 1 });
    const before = JSON.stringify(scene.state);
    assert.equal((await refund(json['lease_id'], { writes: 0 })).status, 409);
    assert.equal(JSON.stringify(scene.state), before);
  });

  it('are for those whose role it is', async () => {
    const { call, get } = await start();
    assert.equal((await call('POST', leasesPath, { writes: 1 }, 'miner-key')).status, 403);
    assert.equal((await call('POST', leasesPath, { writes: 1 }, 'read-key')).status, 403);
    assert.equal((await call('DELETE', `${leasesPath}/x`, undefined, 'nobody')).status, 401);
    assert.equal((await call('GET', '/v1/quota', undefined, 'miner-key')).status, 403);
    assert.equal((await get('/v1/warnings')).status, 200);
  });

  it('report nothing used while nothing was granted', async () => {
    const { get } = await start(plenty);
    const { status, json } = await get('/v1/quota');
    assert.equal(status, 200);
    const none = { per_second: 0, per_minute: 0, per_day: 0, total: 0 };
    assert.deepEqual(json['current_usage'], { writes: none, reads: none, deletes: none });
    assert.deepEqual(json['throttling'], { enabled: false, multiplier: 1, max_multiplier: 10 });
    assert.deepEqual([json['warnings'], json['errors'], json['by_cause']], [[], [], {}]);
  });

  it('report use, limits, throttling and what caused it', async () => {
    const { scene, get } = await start();
    const process = scene.process();
    for (let index = 0; index < 30; index += 1) {
      asked(scene, process, 'writes', 2);
      process.meter.count('flush', { writes: 2 });
      await scene.clock.advance(1_000);
    }
    await process.holder.close();
    const { json } = await get('/v1/quota');
    const ledger = scene.state?.used.byPurpose['ledger'];
    assert.deepEqual(json['by_cause'], { flush: { writes: 60, reads: 0, deletes: 0 }, ledger });
    const usage = json['current_usage'] as Record<string, Record<string, number>>;
    const sum = 60 + scene.ledgerWrites;
    assert.equal(usage['writes']?.['per_day'], sum);
    assert.equal(usage['writes']?.['total'], sum);
    assert.equal(usage['writes']?.['per_minute'], sum);
    assert.ok(Math.abs((usage['writes']?.['per_second'] ?? 0) - sum / 30.2) < 0.1);
    assert.deepEqual(json['quota_limits'], {
      ...{ writes_per_second: 1_000, reads_per_second: 10_000, deletes_per_second: 500 },
      ...{ writes_per_minute: 60_000, reads_per_minute: 600_000, deletes_per_minute: 30_000 },
      ...{ writes_per_day: 20_000, reads_per_day: 50_000, deletes_per_day: 20_000 },
    });
    assert.deepEqual(json['rate_limits'], {
      ...{ writes_per_second: 800, reads_per_second: 8_000, deletes_per_second: 400 },
      ...{ writes_per_minute: 50_000, reads_per_minute: 500_000, deletes_per_minute: 25_000 },
    });
    assert.equal(json['last_reset'], new Date(resetMs - 86_400_000).toISOString());
    assert.equal(json['time_since_last_reset'], 16 * 3_600 + 30.2);
    assert.equal(json['next_reset'], new Date(resetMs).toISOString());
  });

  it('show the latest warnings first, as many as are wanted', async () => {
    const { scene, call, get } = await start({
      rates: { ...plenty.rates, writes: 1_000 },
      perMinute: { ...plenty.perMinute, writes: 100 },
      daily: { ...plenty.daily, writes: 100 },
    });
    const { holder, meter } = scene.process();
    for (let index = 0; index < 95; index += 1) {
      void holder.acquire('writes', 1, 10_000);
      await scene.clock.advance(2_000);
      meter.count('flush', { writes: index === 5 ? 85 : 1 });
    }
    await holder.close();
    await scene.clock.advance(6_000);
    const { json } = await get('/v1/warnings');
    const warnings = json['warnings'] as Record<string, unknown>[];
    const kinds = warnings.map(({ limit_type: limitType }) => limitType);
    assert.deepEqual(kinds.filter((kind) => kind === 'per_day').length, 3, '80 %, 90 % and all, once each');
    assert.ok(kinds.includes('per_minute'));
    const times = warnings.map(({ at }) => String(at));
    assert.deepEqual(times, times.toSorted().reverse());
    assert.deepEqual(Object.keys(warnings[0] ?? {}).sort(), [
      ...['at', 'current', 'limit', 'limit_type', 'operation_type', 'percentage'],
    ]);
    const one = await get('/v1/warnings?limit=1');
    assert.deepEqual(one.json['warnings'], warnings.slice(0, 1));
    for (const limit of ['0', '-1', '51', 'all', '1.5']) {
      assert.equal((await get(`/v1/warnings?limit=${limit}`)).status, 400, limit);
    }
    const quota = await get('/v1/quota');
    assert.deepEqual(quota.json['warnings'], warnings);
    assert.ok((quota.json['errors'] as unknown[]).length >= 2, '90 % and more');
    assert.equal((await call('POST', '/v1/warnings', {}, 'admin-key')).status, 405);
  });

  it('without the ledger answer 503 and when to come again, and go on by themselves', async () => {
    const { scene, take, refund, get } = await start();
    scene.decide = () => 'failed';
    for (const answer of [
      await take({ writes: 1 }),
      await refund('x', { writes: 1 }),
      await get('/v1/quota'),
      await get('/v1/warnings'),
    ]) {
      assert.equal(answer.status, 503, answer.text);
      assert.ok(Number(answer.headers.get('retry-after')) >= 1);
      assert.equal(answer.json['code'], 'unavailable');
      assert.doesNotMatch(answer.text, /Firestore is down/, 'what is inside stays inside');
    }
    scene.decide = () => 'done';
    assert.equal((await take({ writes: 1 })).status, 201);
    assert.equal((await get('/v1/quota')).status, 200, 'a failure is not remembered');
  });
});
