import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LocalHosting, startHosting } from '../../local/hosting/index.ts';
import { type FixtureFunctions, startFixtureFunctions } from './support.ts';

describe('Hosting’s CDN', () => {
  let dir: string;
  let fixture: FixtureFunctions;
  let hosting: LocalHosting;
  let urls = 0;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'cdn-'));
    const firebaseJson = join(dir, 'firebase.json');
    writeFileSync(
      firebaseJson,
      JSON.stringify({ hosting: { public: 'site', rewrites: [{ source: '/v1/**', function: 'echo' }] } }),
    );
    fixture = await startFixtureFunctions();
    const { functions, clock } = fixture;
    hosting = await startHosting({ port: 0, clock, firebaseJson, functions, control: async () => {} });
  });
  after(async () => {
    await hosting.close();
    await fixture.functions.close();
    rmSync(dir, { recursive: true });
  });

  /** An address that nothing is kept of. */
  const fresh = (): string => {
    urls += 1;
    return `/v1/${urls}`;
  };
  const shared = { 'x-answer-cache-control': 'public, max-age=0, s-maxage=5', 'x-answer-vary': 'X-API-Key' };
  const isHit = async (
    path: string,
    headers: Record<string, string> = {},
    method = 'GET',
  ): Promise<boolean> => {
    const answer = await fetch(`http://127.0.0.1:${hosting.port}${path}`, {
      method,
      headers: { ...shared, ...headers },
    });
    await answer.text();
    return answer.headers.get('x-cache') === 'HIT';
  };
  /** Tells if the second of these requests gets a copy of the first's answer. */
  const shares = async (first: Record<string, string>, second: Record<string, string>): Promise<boolean> => {
    const path = fresh();
    assert.equal(await isHit(path, first), false);
    return isHit(path, second);
  };
  const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`;

  it('gives an answer again until it is as old as it may be, and tells its age', async () => {
    const path = fresh();
    hosting.resetUsage();
    const ask = () => fetch(`http://127.0.0.1:${hosting.port}${path}`, { headers: shared });
    const first = await (await ask()).text();
    await fixture.advance(4000);
    const again = await ask();
    assert.deepEqual([again.status, again.headers.get('age'), await again.text()], [200, '4', first]);
    assert.equal(again.headers.get('content-type'), 'application/json; charset=utf-8');
    await fixture.advance(1000);
    const later = await ask();
    assert.deepEqual([later.headers.get('age'), later.headers.get('x-cache')], [null, null]);
    const { requests, hits } = hosting.usage();
    assert.deepEqual([requests, hits], [3, 1]);
  });

  it('gives nobody what another key was answered', async () => {
    const [a, b] = [{ 'x-api-key': 'a' }, { 'x-api-key': 'b' }];
    assert.equal(await shares(a, a), true);
    assert.equal(await shares(a, b), false);
    assert.equal(await shares(a, {}), false);
    assert.equal(await shares({}, a), false);
    const [bearer, other] = [{ authorization: 'Bearer a' }, { authorization: 'Bearer b' }];
    assert.equal(await shares(bearer, bearer), true);
    assert.equal(await shares(bearer, other), false);
    assert.equal(await shares(bearer, a), false);
    assert.equal(await shares(bearer, { authorization: basic('x:a') }), false);
    assert.equal(await shares({ authorization: basic('x:a') }, { authorization: basic('x:b') }), false);
    assert.equal(await shares({ ...a, ...bearer }, a), false);
    assert.equal(await shares(a, { ...a, ...bearer }), false);
    assert.equal(await shares({ ...a, ...bearer }, { ...b, ...bearer }), false);
    assert.equal(await shares({ cookie: '__session=a' }, { cookie: '__session=b' }), false);
  });

  it('keeps the answers to several keys beside each other', async () => {
    const path = fresh();
    for (const key of ['a', 'b', 'c']) assert.equal(await isHit(path, { 'x-api-key': key }), false);
    for (const key of ['a', 'b', 'c']) assert.equal(await isHit(path, { 'x-api-key': key }), true);
  });

  it('mixes keys up where an answer does not vary by them, which is what a test must see', async () => {
    assert.equal(await shares({ 'x-api-key': 'a', 'x-answer-vary': '' }, { 'x-api-key': 'b' }), true);
  });

  it('takes the whole URL', async () => {
    const path = fresh();
    assert.equal(await isHit(`${path}?a=1&b=2`), false);
    for (const other of [path, `${path}?b=2&a=1`, `${path}/?a=1&b=2`])
      assert.equal(await isHit(other), false, other);
    assert.equal(await isHit(`${path}?a=1&b=2`), true);
  });

  it('keeps no answer but 200, and none that may not be kept', async () => {
    for (const status of [201, 400, 401, 403, 404, 429, 500, 503])
      assert.equal(await shares({ 'x-answer-status': `${status}` }, {}), false, `${status}`);
    for (const caching of [
      'private, no-store',
      'private, max-age=60',
      'public',
      'public, max-age=0',
      'public, s-maxage=0, max-age=60',
      'public, no-store, max-age=60',
      'max-age=60',
    ])
      assert.equal(await shares({ 'x-answer-cache-control': caching }, {}), false, caching);
    assert.equal(await shares({ 'x-answer-cache-control': 'public, max-age=60' }, {}), true);
    assert.equal(await shares({ 'x-answer-vary': '*' }, {}), false);
  });

  it('answers HEAD from GET’s copy, and passes other methods on', async () => {
    const path = fresh();
    for (const method of ['HEAD', 'POST', 'DELETE', 'GET'])
      assert.equal(await isHit(path, {}, method), false);
    for (const method of ['POST', 'DELETE']) assert.equal(await isHit(path, {}, method), false);
    for (const method of ['HEAD', 'GET']) assert.equal(await isHit(path, {}, method), true);
  });
});
