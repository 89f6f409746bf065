import assert from 'node:assert/strict';
import { roles } from '../../functions/src/http/roles.ts';
import type { ServedRoute } from '../../functions/src/http/route.ts';
import { keysObject } from '../../functions/src/keys/keyStore.ts';
import { keysRoutes } from '../../functions/src/keys/routes.ts';
import { sha256Hex } from '../../functions/src/platform/ids.ts';
import { ManualClock } from '../support/clock.ts';
import { type Answer, serveRoutes, type TestServer } from '../support/http.ts';
import { countingIds } from '../support/ids.ts';
import { memoryLogger } from '../support/logger.ts';
import { KeysBucket } from './bucket.ts';

const who: ServedRoute = {
  method: 'GET',
  path: '/who',
  access: roles,
  handle: async ({ caller }) => ({ status: 200, json: caller }),
};

describe('Keys', () => {
  const logger = memoryLogger();
  const ids = countingIds();
  let clock: ManualClock;
  let objects: KeysBucket;
  let here: TestServer;
  let there: TestServer;

  /** An instance: its own memory, the same bucket and time. */
  const start = (): Promise<TestServer> =>
    serveRoutes((keys) => [who, ...keysRoutes({ keys, clock, ids })], { objects, clock, logger, ids });

  beforeEach(async () => {
    clock = new ManualClock();
    objects = new KeysBucket();
    logger.lines.length = 0;
    [here, there] = [await start(), await start()];
  });
  afterEach(() => Promise.all([here.close(), there.close()]));

  const admin = { 'X-API-Key': 'admin-key' };
  const make = (wanted: object, at = here): Promise<Answer> =>
    at.call('/v1/keys', {
      method: 'POST',
      headers: { ...admin, 'Content-Type': 'application/json' },
      body: JSON.stringify(wanted),
    });
  const makeMiner = async (): Promise<{ id: string; key: string }> => {
    const { json } = await make({ role: 'miner' });
    return { id: String(json['id']), key: String(json['key']) };
  };
  const revoke = (id: string, at = here): Promise<Answer> =>
    at.call(`/v1/keys/${id}`, { method: 'DELETE', headers: admin });
  const use = async (key: string, at: TestServer): Promise<number> =>
    (await at.call('/who', { headers: { 'X-API-Key': key } })).status;
  const list = async (): Promise<Record<string, unknown>[]> =>
    (await here.call('/v1/keys', { headers: admin })).json['keys'] as Record<string, unknown>[];

  it('makes a key, shows it once and works with it at once', async () => {
    const wanted = { role: 'miner', uids: [0, 9], hotkeys: ['5F'], label: 'nine' };
    const { status, json } = await make(wanted);
    assert.equal(status, 201);
    const { id, key, created_at, ...rest } = json;
    assert.deepEqual(rest, wanted);
    assert.equal(created_at, '2026-01-01T00:00:00.000Z');
    const { json: caller } = await here.call('/who', { headers: { 'X-API-Key': String(key) } });
    assert.deepEqual(caller, { keyId: id, role: 'miner', uids: [0, 9], hotkeys: ['5F'] });
    assert.equal(await use(String(key), there), 200);
    const stored = String((await objects.get(keysObject))?.bytes);
    assert.doesNotMatch(stored, new RegExp(String(key)));
    const listed = await here.call('/v1/keys', { headers: admin });
    assert.doesNotMatch(listed.text, new RegExp(`sha256|${key}`));
    assert.deepEqual(
      (await list()).find((record) => record['id'] === id),
      { id, ...wanted, created_at, revocable: true, current: false },
    );
  });

  it('takes what is null or empty as not said', async () => {
    const { status, json } = await make({ role: 'read', uids: null, hotkeys: '', label: '' });
    assert.equal(status, 201);
    assert.deepEqual(Object.keys(json).toSorted(), ['created_at', 'id', 'key', 'role']);
  });

  it('lists the first keys too, which cannot be revoked here, and tells which one asks', async () => {
    const current = (role: string): boolean => role === 'admin';
    assert.deepEqual(
      await list(),
      roles.map((role) => ({ id: `first-${role}`, role, revocable: false, current: current(role) })),
    );
    assert.equal((await revoke('first-miner')).status, 409);
  });

  it('is for admins only', async () => {
    for (const [method, path] of [
      ['POST', '/v1/keys'],
      ['GET', '/v1/keys'],
      ['DELETE', '/v1/keys/x'],
    ] as const) {
      const headers = { 'X-API-Key': 'ingest-key' };
      assert.equal((await here.call(path, { method, headers })).status, 403);
    }
  });

  it('refuses what no key can be', async () => {
    const wrong: [object, RegExp][] = [
      [{}, /role/],
      [{ role: 'king' }, /role/],
      [{ role: 'miner', uids: [] }, /uids/],
      [{ role: 'miner', uids: ['1'] }, /uids/],
      [{ role: 'miner', uids: [65_536] }, /uids/],
      [{ role: 'miner', hotkeys: 'abc' }, /hotkeys/],
      [{ role: 'ingest', uids: [1] }, /miner only/],
      [{ role: 'validator', uids: [1], hotkeys: ['5F'] }, /miner only/],
      [{ role: 'miner', label: 7 }, /label/],
      [{ role: 'miner', key: 'mine' }, /"key"/],
      [[], /object/],
    ];
    for (const [wanted, detail] of wrong) {
      const answer = await make(wanted);
      assert.equal(answer.status, 400);
      assert.match(String(answer.json['detail']), detail);
    }
    assert.equal(await objects.get(keysObject), undefined);
  });

  it('refuses hotkeys without uids, as a hotkey says nothing about the miner', async () => {
    const answer = await make({ role: 'miner', hotkeys: ['5F'] });
    assert.equal(answer.status, 422);
    assert.equal(answer.json['code'], 'incomplete_binding');
    assert.match(String(answer.json['detail']), /uids/);
  });

  it('revokes at once here, within 60 s elsewhere', async () => {
    const { id, key } = await makeMiner();
    assert.equal(await use(key, there), 200);
    await clock.advance(30_000);
    const revoked = await revoke(id);
    assert.equal(revoked.status, 204);
    assert.equal(revoked.text, '');
    assert.equal(await use(key, here), 401);
    assert.equal(await use(key, there), 200);
    await clock.advance(30_000);
    assert.equal(await use(key, there), 401);
    assert.equal((await revoke(id)).status, 404);
  });

  it('reads the bucket at most once a minute for keys it knows', async () => {
    const { key } = await makeMiner();
    await use(key, there);
    const reads = objects.reads;
    for (let second = 0; second < 59; second += 1) {
      await clock.advance(1000);
      await Promise.all([use(key, there), use(key, there)]);
    }
    assert.equal(objects.reads, reads);
    await clock.advance(1000);
    await Promise.all([use(key, there), use(key, there), use(key, there)]);
    assert.equal(objects.reads, reads + 1);
  });

  it('looks for an unknown key at most every 10 s', async () => {
    assert.equal(await use('unknown', there), 401);
    const { key } = await makeMiner();
    const reads = objects.reads;
    await clock.advance(9_999);
    assert.equal(await use(key, there), 401);
    assert.equal(objects.reads, reads);
    await clock.advance(1);
    assert.deepEqual(await Promise.all([use(key, there), use('unknown', there)]), [200, 401]);
    assert.equal(objects.reads, reads + 1);
  });

  it('goes on with what it knows while the bucket is down, and is not sure of the rest', async () => {
    const { key } = await makeMiner();
    assert.equal(await use(key, there), 200);
    objects.state = 'down';
    await clock.advance(3_600_000);
    assert.equal(await use(key, there), 200);
    const unsure = await there.call('/who', { headers: { 'X-API-Key': 'unknown' } });
    assert.equal(unsure.status, 503);
    assert.ok(Number(unsure.headers.get('retry-after')) > 0);
    assert.equal(await use('miner-key', there), 200);
    assert.equal(await use('admin-key', await restarted()), 200);
    assert.equal(await use(key, there), 503);
    objects.state = 'up';
    await clock.advance(10_000);
    assert.equal(await use('unknown', there), 401);
    assert.equal(await use(key, there), 200);
  });

  /** `there` anew, with nothing in its memory. */
  async function restarted(): Promise<TestServer> {
    await there.close();
    there = await start();
    return there;
  }

  it('asks a bucket that is down at most every 10 s', async () => {
    objects.state = 'down';
    assert.equal(await use('unknown', there), 503);
    const reads = objects.reads;
    await clock.advance(5_000);
    assert.equal(await use('unknown', there), 503);
    assert.equal(objects.reads, reads);
  });

  it('does not wait for ever for a bucket that hangs', async () => {
    const { key } = await makeMiner();
    assert.equal(await use(key, there), 200);
    await clock.advance(60_000);
    objects.state = 'hanging';
    const waiting = use(key, there);
    while (clock.pendingTimers === 0) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(2_000);
    assert.equal(await waiting, 200);
    assert.equal(await use(key, there), 200);
  });

  it('asks again after a read that hangs, so that a revoked key does not stay valid', async () => {
    const { id, key } = await makeMiner();
    assert.equal(await use(key, there), 200);
    assert.equal((await revoke(id)).status, 204);
    await clock.advance(60_000);
    objects.state = 'hanging';
    const waiting = use(key, there);
    while (clock.pendingTimers === 0) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(2_000);
    assert.equal(await waiting, 200, 'what was known last holds while nobody can tell');
    objects.state = 'up';
    await clock.advance(8_000);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(await use(key, there), 401);
    assert.equal(await use('unknown', there), 401);
  });

  it('takes keys it cannot understand as not read', async () => {
    const { key } = await makeMiner();
    await objects.put(keysObject, Buffer.from('{"version":1,"keys":[{"id":"x"}]}'));
    await clock.advance(60_000);
    assert.equal(await use(key, here), 200);
    assert.equal(await use(key, there), 503);
    assert.equal((await make({ role: 'miner' })).status, 503);
    assert.match(JSON.stringify(logger.lines), /key 0/);
  });

  it('keeps a key of a role of another version as it is, and lets it do nothing', async () => {
    const { id, key } = await makeMiner();
    const stored = async () => JSON.parse(String((await objects.get(keysObject))?.bytes));
    const { version, keys } = await stored();
    const king = { id: 'k', role: 'king', sha256: sha256Hex('king-key'), crown: 'secret', uids: 'all' };
    await objects.put(keysObject, Buffer.from(JSON.stringify({ version, keys: [king, ...keys] })));
    assert.equal(await use(key, there), 200);
    assert.equal(await use('king-key', there), 503);
    const made = await makeMiner();
    assert.deepEqual((await stored()).keys[0], king);
    assert.equal((await revoke(id)).status, 204);
    assert.deepEqual((await stored()).keys[0], king);
    assert.equal(await use(made.key, here), 200);
    assert.deepEqual(
      (await list()).find((record) => record['id'] === 'k'),
      { id: 'k', role: 'king', revocable: true, current: false },
    );
    assert.equal((await revoke('k')).status, 204);
    assert.equal((await stored()).keys.length, 1);
    const told = logger.lines.filter(({ message }) => message.includes('of another version'));
    assert.equal(told.length, 2, 'once each instance');
  });

  it('loses no key when several instances make some at the same time', async () => {
    const made = await Promise.all(
      Array.from({ length: 16 }, (_, index) => make({ role: 'miner' }, index % 2 === 0 ? here : there)),
    );
    assert.deepEqual(new Set(made.map(({ status }) => status)), new Set([201]));
    assert.equal((await list()).length, roles.length + 16);
    await clock.advance(10_000);
    for (const { json } of made) assert.equal(await use(String(json['key']), here), 200);
  });

  it('keeps no more than every instance can read each minute', async () => {
    const uids = Array.from({ length: 4_096 }, (_, uid) => uid + 10_000);
    const wanted = { role: 'miner', uids, hotkeys: uids.map((uid) => `${uid}`.padEnd(128, 'x')) };
    const made = [];
    for (let index = 0; index < 7; index += 1) made.push(await make(wanted));
    assert.ok(made.every(({ status }) => status === 201));
    assert.equal((await make(wanted)).status, 409);
    assert.equal((await makeMiner()).key.startsWith('sluice_'), true);
    assert.equal((await revoke(String(made[0]?.json['id']))).status, 204);
    assert.equal((await make(wanted)).status, 201);
  });

  it('tries again when another instance comes in between', async () => {
    objects.beforePut = () => make({ role: 'read' }, there);
    const { key } = await makeMiner();
    assert.equal(await use(key, here), 200);
    assert.equal((await list()).length, roles.length + 2);
  });

  it('makes and revokes once though the answer of a write was lost', async () => {
    objects.loseAnswer = true;
    const { id, key } = await makeMiner();
    assert.equal((await list()).length, roles.length + 1);
    assert.equal(await use(key, here), 200);
    objects.loseAnswer = true;
    assert.equal((await revoke(id)).status, 204);
    assert.equal(await use(key, here), 401);
  });

  it('keeps nothing when the bucket is down', async () => {
    objects.state = 'down';
    assert.equal((await make({ role: 'miner' })).status, 503);
    assert.equal((await here.call('/v1/keys', { headers: admin })).status, 503);
    objects.state = 'up';
    assert.equal((await list()).length, roles.length);
  });

  it('does not revoke a first key', async () => {
    const answer = await revoke('first-admin');
    assert.equal(answer.status, 409);
    assert.match(String(answer.json['detail']), /secret/);
  });
});
