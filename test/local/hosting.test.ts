import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { globPattern } from '../../local/hosting/globs.ts';
import { type LocalHosting, startHosting } from '../../local/hosting/index.ts';
import { type FixtureFunctions, startFixtureFunctions, until } from './support.ts';

describe('Hosting', () => {
  let dir: string;
  let fixture: FixtureFunctions;
  let hosting: LocalHosting;

  const writeConfig = (rewrites: object[], more: object): string => {
    const file = join(dir, 'firebase.json');
    writeFileSync(file, JSON.stringify({ hosting: { public: 'site', rewrites, ...more } }));
    return file;
  };
  const start = (rewrites: object[], more: object = {}): Promise<LocalHosting> =>
    startHosting({
      port: 0,
      clock: fixture.clock,
      firebaseJson: writeConfig(rewrites, more),
      functions: fixture.functions,
      control: async (_request, response) => void response.end('control'),
    });
  const get = (path: string, init?: RequestInit): Promise<Response> =>
    fetch(`http://127.0.0.1:${hosting.port}${path}`, init);

  const header = (key: string, value: string) => ({ key, value });
  const headers = [
    { source: '**', headers: [header('X-Site', 'all'), header('X-Order', 'first')] },
    { source: '/v1/set', headers: [header('cache-control', 'public, max-age=9'), header('X-Order', 'last')] },
    { source: '**/*.@(css|js)', headers: [header('Cache-Control', 'public, immutable')] },
  ];

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'hosting-'));
    mkdirSync(join(dir, 'site/sub'), { recursive: true });
    mkdirSync(join(dir, 'site/docs'));
    writeFileSync(join(dir, 'site/docs/index.html'), '<p>docs</p>');
    writeFileSync(join(dir, 'site/index.html'), '<p>home</p>');
    writeFileSync(join(dir, 'site/sub/page.css'), 'p {}');
    writeFileSync(join(dir, 'site/.hidden'), 'hidden');
    writeFileSync(join(dir, 'outside.txt'), 'outside');
    fixture = await startFixtureFunctions((spec) => ({ ...spec, timeoutMs: 300_000 }));
    hosting = await start(
      [
        { source: '/v1/slow', function: { functionId: 'slow', region: 'us-central1' } },
        { source: '/v1/**', function: 'echo' },
        { source: '/sub/**', function: 'echo' },
      ],
      { headers },
    );
  });
  after(async () => {
    await hosting.close();
    await fixture.functions.close();
    rmSync(dir, { recursive: true });
  });

  it('passes a rewritten request on whole: method, full path, query, body', async () => {
    const answer = await get('/v1/a%2Fb?x=1', { method: 'PUT', body: 'words' });
    const seen = (await answer.json()) as Record<string, unknown>;
    assert.deepEqual(
      [seen['method'], seen['path'], seen['query'], seen['body']],
      ['PUT', '/v1/a%2Fb', { x: '1' }, 'words'],
    );
    assert.equal(seen['forwarded_host'], `127.0.0.1:${hosting.port}`);
  });

  it('takes the first rewrite that matches', async () => {
    assert.equal((await get('/v1/slow?ms=0')).headers.get('x-instance'), null);
    assert.notEqual((await get('/v1/slow/er')).headers.get('x-instance'), null);
  });

  it('prefers a file to a rewrite, and serves it with its type', async () => {
    const css = await get('/sub/page.css');
    assert.deepEqual(
      [await css.text(), css.headers.get('content-type')],
      ['p {}', 'text/css; charset=utf-8'],
    );
    assert.equal(await (await get('/')).text(), '<p>home</p>');
    assert.equal((await get('/', { method: 'HEAD' })).headers.get('content-length'), '11');
    assert.equal(
      (await get('/sub/other.css')).headers.get('content-type'),
      'application/json; charset=utf-8',
    );
  });

  it('adds the slash that a folder with a page lacks, before any rewrite', async () => {
    const moved = await get('/docs?a=1', { redirect: 'manual' });
    assert.deepEqual([moved.status, moved.headers.get('location')], [301, '/docs/?a=1']);
    assert.equal(await (await get('/docs')).text(), '<p>docs</p>');
    assert.equal((await get('/sub', { redirect: 'manual' })).status, 404);
  });

  it('answers 404 for what is neither, and never shows a file outside or hidden', async () => {
    assert.equal((await get('/none')).status, 404);
    assert.equal((await get('/', { method: 'POST' })).status, 404);
    assert.equal((await get('/.hidden')).status, 404);
    for (const path of ['/../outside.txt', '/%2e%2e/outside.txt', '/x/..%2f..%2foutside.txt', '/%00']) {
      assert.match(await rawGet(hosting.port, path), /^HTTP\/1\.1 404 /, path);
    }
    assert.match(await rawGet(hosting.port, '/%zz'), /^HTTP\/1\.1 400 /);
  });

  it('sets the headers of firebase.json, the last rule’s where several set one', async () => {
    const seen = async (path: string) => {
      const answer = await get(path);
      return ['x-site', 'x-order', 'cache-control'].map((name) => answer.headers.get(name));
    };
    assert.deepEqual(await seen('/'), ['all', 'first', 'max-age=3600']);
    assert.deepEqual(await seen('/sub/page.css'), ['all', 'first', 'public, immutable']);
    assert.deepEqual(await seen('/v1/a'), ['all', 'first', 'private']);
    assert.deepEqual(await seen('/v1/set'), ['all', 'last', 'public, max-age=9']);
  });

  it('keeps a function’s answer private and its cookies, unless it may be cached for all', async () => {
    const answered = async (sent: Record<string, string>) => {
      const { headers: got } = await get('/v1/a', { headers: { 'x-answer-set-cookie': 'a=1', ...sent } });
      return [got.get('cache-control'), got.get('set-cookie')];
    };
    assert.deepEqual(await answered({}), ['private', 'a=1']);
    const shared = 'public, max-age=300';
    assert.deepEqual(await answered({ 'x-answer-cache-control': shared }), [shared, null]);
  });

  it('shows functions no cookie but __session', async () => {
    const cookieOf = async (cookie: string) =>
      ((await (await get('/v1/a', { headers: { cookie } })).json()) as { cookie: string | null }).cookie;
    assert.equal(await cookieOf('a=1; __session=x; b=2'), '__session=x');
    assert.equal(await cookieOf('a=1'), null);
  });

  it('answers 304 for a file that the browser has', async () => {
    const etag = (await get('/')).headers.get('etag') ?? '';
    const again = await get('/', { headers: { 'if-none-match': etag } });
    assert.deepEqual([again.status, await again.text()], [304, '']);
    assert.equal((await get('/', { headers: { 'if-none-match': '"other"' } })).status, 200);
  });

  it('counts what is asked and the bytes that it sends, not the control interface’s', async () => {
    hosting.resetUsage();
    const page = await (await get('/')).text();
    const answer = await (await get('/v1/a')).text();
    await (await get('/__local/usage')).text();
    await until(() => hosting.usage().bytes > 0);
    const { requests, bytes } = hosting.usage();
    const bodies = Buffer.byteLength(page) + Buffer.byteLength(answer);
    assert.ok(requests === 2 && bytes > bodies && bytes < bodies + 2_000, `${bytes} for ${bodies}`);
  });

  it('leaves the control interface to the stack', async () => {
    assert.equal(await (await get('/__local/usage')).text(), 'control');
  });

  it('answers 504 after 60 s, though the function may take longer', async () => {
    const late = get('/v1/slow?ms=61000');
    await until(() => fixture.functions.instances().some(({ open_requests }) => open_requests === 1));
    await fixture.advance(60_000);
    assert.equal((await late).status, 504);
  });

  it('refuses what it would serve otherwise', async () => {
    await assert.rejects(start([], { cleanUrls: true }), /option cleanUrls/);
    await assert.rejects(start([], { headers: [{ regex: '.*', headers: [] }] }), /only headers of a source/);
    await assert.rejects(start([], { headers: [{ source: '/[ab]', headers: [] }] }), /glob \/\[ab\]/);
  });

  it('refuses a rewrite that it cannot follow', async () => {
    await assert.rejects(start([{ source: '**', function: 'absent' }]), /missing: absent/);
    await assert.rejects(
      start([{ source: '**', destination: '/index.html' }]),
      /only rewrites of a source to a function/,
    );
  });
});

describe('Hosting’s globs', () => {
  for (const [glob, path, matches] of [
    ['/v1/responses', '/v1/responses', true],
    ['/v1/responses', '/v1/responses/', false],
    ['/v1/responses', '/x/v1/responses', false],
    ['/v1/**', '/v1/tasks/a/b', true],
    ['/v1/**', '/v1', false],
    ['/v1/*/x', '/v1/a/x', true],
    ['/v1/*/x', '/v1/a/b/x', false],
    ['/openapi.json', '/openapi-json', false],
    ['**', '/any/thing', true],
    ['**/*.css', '/a.css', true],
    ['**/*.css', '/x/y/a.css', true],
    ['/**/a', '/xa', false],
    ['*.css', '/x/a.css', false],
    ['/*.@(js|css)', '/a.css', true],
    ['/*.@(js|css)', '/a.cssx', false],
    ['/{a,b.c}/?', '/b.c/x', true],
    ['/{a,b.c}/?', '/bxc/x', false],
  ] as const) {
    it(`${glob} ${matches ? 'takes' : 'leaves'} ${path}`, () =>
      assert.equal(globPattern(glob).test(path), matches));
  }
});

/** A request whose path no client library normalizes. */
function rawGet(port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
    );
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    socket.once('end', () => resolve(text));
    socket.once('error', reject);
  });
}
