import assert from 'node:assert/strict';
import { type Role, roles } from '../../functions/src/http/roles.ts';
import type { ServedRoute } from '../../functions/src/http/route.ts';
import { keyAuthenticator } from '../../functions/src/keys/auth.ts';
import { keyDigest } from '../../functions/src/keys/keyRecord.ts';
import { KeyStore } from '../../functions/src/keys/keyStore.ts';
import { keysMaxAgeMs } from '../../functions/src/keys/limits.ts';
import { ManualClock } from '../support/clock.ts';
import { firstKeys, serveRoutes, type TestServer } from '../support/http.ts';
import { memoryLogger } from '../support/logger.ts';
import { KeysBucket } from './bucket.ts';

/** A route for each role alone, and one for admins. */
const routes: ServedRoute[] = [
  ...roles
    .filter((role) => role !== 'admin')
    .map(
      (role): ServedRoute => ({
        method: 'GET',
        path: `/${role}`,
        access: [role],
        handle: async () => ({ status: 200 }),
      }),
    ),
  { method: 'GET', path: '/admin', access: [], handle: async () => ({ status: 200 }) },
  {
    method: 'GET',
    path: '/who',
    access: roles,
    handle: async ({ caller }) => ({ status: 200, json: caller }),
  },
  { method: 'GET', path: '/open', access: 'public', handle: async () => ({ status: 200 }) },
];

/** Whose routes a role may call that may call others' too. */
const included: Partial<Record<Role, readonly Role[]>> = { proxy: ['proxy', 'ingest', 'read'], admin: roles };

describe('Authentication', () => {
  const servers: TestServer[] = [];
  const logger = memoryLogger();
  const objects = new KeysBucket();
  let server: TestServer;

  async function start(secret: string): Promise<TestServer> {
    const clock = new ManualClock();
    const started = await serveRoutes(routes, { secret, objects, clock, logger });
    servers.push(started);
    return started;
  }

  before(async () => {
    const bound = { id: 'bound', role: 'miner' as const, key: 'bound-key', uids: [0, 7], hotkeys: ['5F'] };
    server = await start(firstKeys([bound]));
  });
  after(() => Promise.all(servers.map((started) => started.close())));

  const who = async (headers: Record<string, string>): Promise<unknown> =>
    (await server.call('/who', { headers })).json['keyId'];
  const basic = (pair: string): Record<string, string> => ({
    Authorization: `Basic ${Buffer.from(pair).toString('base64')}`,
  });

  it('answers at once for a key that is known without a read, and for one that cannot be one', async () => {
    const clock = new ManualClock();
    const keys = new KeyStore({ clock, logger, objects: new KeysBucket(), firstKeys: () => firstKeys([]) });
    const record = { id: 'made', role: 'read' as const, sha256: keyDigest('made-key').toString('hex') };
    await keys.add(record);
    const { authenticate } = keyAuthenticator(keys, clock);
    const told = (key: string) => authenticate((name) => (name === 'x-api-key' ? key : undefined));
    assert.deepEqual(told('read-key'), { keyId: 'first-read', role: 'read' });
    assert.deepEqual(told('made-key'), { keyId: 'made', role: 'read' });
    assert.throws(() => told('x'.repeat(1000)), { code: 'unauthenticated' });
    await clock.advance(keysMaxAgeMs);
    assert.deepEqual(told('read-key'), { keyId: 'first-read', role: 'read' });
    assert.ok(told('made-key') instanceof Promise);
    assert.deepEqual(await told('made-key'), { keyId: 'made', role: 'read' });
  });

  it('names every header that it looks at, so that answers can differ by them', () => {
    const clock = new ManualClock();
    const keys = new KeyStore({ clock, logger, objects: new KeysBucket(), firstKeys: () => firstKeys([]) });
    const { authenticate, keyHeaders } = keyAuthenticator(keys, clock);
    const asked = new Set<string>();
    const none = (name: string): undefined => void asked.add(name);
    assert.throws(() => authenticate(none), { code: 'unauthenticated' });
    assert.deepEqual([...asked], keyHeaders);
  });

  it('believes stored keys for as long as it is told', async () => {
    const clock = new ManualClock();
    const objects = new KeysBucket();
    const [maker, keys] = [60_000, 29_000].map(
      (maxAgeMs) => new KeyStore({ clock, logger, objects, firstKeys: () => firstKeys([]), maxAgeMs }),
    );
    assert.ok(maker && keys);
    const sha256 = keyDigest('made-key').toString('hex');
    await maker.add({ id: 'made', role: 'read', sha256 });
    assert.ok(await keys.find('made-key'));
    await maker.remove('made');
    await clock.advance(28_999);
    assert.ok(await keys.find('made-key'));
    await clock.advance(1);
    assert.equal(await keys.find('made-key'), undefined);
  });

  it('takes the key from X-API-Key, Bearer and Basic', async () => {
    assert.equal(await who({ 'X-API-Key': 'miner-key' }), 'first-miner');
    assert.equal(await who({ Authorization: 'Bearer read-key' }), 'first-read');
    assert.equal(await who({ authorization: 'bearer read-key' }), 'first-read');
    assert.equal(await who(basic('x:miner-key')), 'first-miner');
    assert.equal(await who(basic('miner-key:')), 'first-miner');
    assert.equal(await who(basic('miner-key')), 'first-miner');
  });

  it('prefers X-API-Key', async () => {
    assert.equal(await who({ 'X-API-Key': 'miner-key', ...basic('x:read-key') }), 'first-miner');
  });

  it('lets each role call its own routes and no others, proxy those of ingest and read too, admin all', async () => {
    for (const role of roles) {
      for (const path of roles) {
        const { status } = await server.call(`/${path}`, { headers: { 'X-API-Key': `${role}-key` } });
        const expected = included[role] ?? [role];
        assert.equal(status, expected.includes(path) ? 200 : 403, `${role} calls ${path}`);
      }
    }
  });

  it('answers 401 without a key, with an unknown one and with none that can be read', async () => {
    const cases: Record<string, string>[] = [
      {},
      { 'X-API-Key': 'wrong' },
      { 'X-API-Key': '' },
      { 'X-API-Key': 'miner-key2' },
      { 'X-API-Key': 'k'.repeat(5000) },
      { Authorization: 'Bearer' },
      { Authorization: 'Digest miner-key' },
      basic(':'),
    ];
    for (const headers of cases) {
      const answer = await server.call('/miner', { headers });
      assert.equal(answer.status, 401, JSON.stringify(headers));
      assert.equal(answer.json['code'], 'unauthenticated');
      assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer/);
    }
  });

  it('needs no key for public routes', async () => {
    assert.equal((await server.call('/open')).status, 200);
  });

  it('gives handlers the uids and hotkeys a key is bound to', async () => {
    const { json } = await server.call('/who', { headers: { 'X-API-Key': 'bound-key' } });
    assert.deepEqual(json, { keyId: 'bound', role: 'miner', uids: [0, 7], hotkeys: ['5F'] });
  });

  it('reads nothing for the first keys', async () => {
    const readsBefore = objects.reads;
    await who({ 'X-API-Key': 'miner-key' });
    await who({ 'X-API-Key': 'admin-key' });
    assert.equal(objects.reads, readsBefore);
  });

  it('lets nobody in by a malformed secret, says so in the log once, and does not tell callers it is they', async () => {
    const good = JSON.parse(firstKeys());
    const malformed = [
      '',
      'not json',
      '{}',
      JSON.stringify([...good, { id: 'x', role: 'miner', sha256: 'abc' }]),
      JSON.stringify([...good, { ...good[0], id: 'x', role: 7 }]),
      JSON.stringify([...good, { ...good[0], id: 'x', uids: [-1] }]),
      JSON.stringify([...good, { ...good[0], id: 'x', uids: [] }]),
      JSON.stringify([...good, good[0]]),
      JSON.stringify([null]),
    ];
    for (const secret of malformed) {
      logger.lines.length = 0;
      const broken = await start(secret);
      for (let i = 0; i < 2; i += 1) {
        const { status } = await broken.call('/admin', { headers: { 'X-API-Key': 'admin-key' } });
        assert.equal(status, 503, secret);
      }
      const complaints = logger.lines.filter(({ message }) => message.includes('malformed'));
      assert.equal(complaints.length, 1);
      assert.doesNotMatch(JSON.stringify(complaints), /[0-9a-f]{20}/);
    }
  });

  it('goes on where one key is of a role of another version; that one is told to come again', async () => {
    const king = { ...JSON.parse(firstKeys([{ id: 'x', role: 'read', key: 'x-key' }])).at(-1), role: 'king' };
    logger.lines.length = 0;
    const mixed = await start(JSON.stringify([...JSON.parse(firstKeys()), king]));
    const call = (key: string) => mixed.call('/who', { headers: { 'X-API-Key': key } });
    for (let again = 0; again < 2; again += 1) {
      assert.equal((await call('admin-key')).status, 200);
      const answer = await call('x-key');
      assert.equal(answer.status, 503);
      assert.match(String(answer.json['detail']), /"king", is of another version/);
    }
    assert.equal((await call('no-such-key')).status, 401);
    const told = logger.lines.filter(({ message }) => message.includes('of another version'));
    assert.deepEqual(
      told.map(({ severity, fields }) => [severity, fields?.['some']]),
      [['WARNING', [{ id: 'x', role: 'king' }]]],
    );
    assert.doesNotMatch(JSON.stringify(told), /[0-9a-f]{20}/);
  });

  it('accepts an empty list of first keys', async () => {
    const empty = await start('[]');
    assert.equal((await empty.call('/admin', { headers: { 'X-API-Key': 'admin-key' } })).status, 401);
  });
});
