import assert from 'node:assert/strict';
import { globSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, posix } from 'node:path';
import { gzipSync } from 'node:zlib';
import '../support/build.ts';
import { makeCheckout } from '../system/rehearsal/checkout.ts';

const root = join(import.meta.dirname, '../..');
const { hosting } = JSON.parse(readFileSync(join(root, 'firebase.json'), 'utf8'));
const publicDir = join(root, hosting.public);
const maxBytes = 150_000;

const read = (file: string): Buffer => readFileSync(join(publicDir, file));
const pages = globSync('**/*.html', { cwd: publicDir });
const assets = globSync('assets/*', { cwd: publicDir });

/** Files of the site that one of its files names: scripts, styles, pictures. */
function named(file: string): string[] {
  const text = read(file).toString();
  const found = [...text.matchAll(/(?:src|href)="(\/assets\/[^"]+)"|(?:from|import\(?)\s*"(\.\/[^"]+)"/g)];
  return found.map(
    ([, absolute, beside = '']) => absolute?.slice(1) ?? posix.join(posix.dirname(file), beside),
  );
}

/** A page and all that a browser may load for it. */
function loadedBy(page: string): string[] {
  const found = new Set([page]);
  for (const file of found) for (const other of named(file)) found.add(other);
  return [...found];
}

describe('the pages that Hosting serves', () => {
  it('are there, and name files with a hash of their content', () => {
    assert.ok(pages.includes('index.html'));
    for (const page of pages) {
      const files = loadedBy(page).slice(1);
      assert.ok(files.length >= 2, page);
      for (const file of files) {
        assert.ok(assets.includes(file), file);
        assert.match(file, /-[A-Z0-9]{8}\.(js|css|svg)$/);
      }
    }
  });

  for (const page of pages) {
    it(`take at most ${maxBytes / 1000} KB compressed, with all that they may load: ${page}`, () => {
      const bytes = loadedBy(page).reduce((sum, file) => sum + gzipSync(read(file)).length, 0);
      assert.ok(bytes <= maxBytes, `${bytes} bytes`);
    });
  }

  it('have no script, style or handler of their own in the HTML, which the policy forbids', () => {
    for (const page of pages) {
      const html = read(page).toString();
      assert.doesNotMatch(html, /<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=/, page);
    }
  });

  it('are made as well where packages are links to elsewhere', async function () {
    this.timeout(60_000);
    const checkout = makeCheckout();
    try {
      rmSync(join(checkout.dir, hosting.public), { recursive: true });
      const { code, output } = await checkout.run({}, 'node', 'scripts/build.ts');
      assert.equal(code, 0, output);
      assert.match(output, /^Built dashboard\/dist in/m);
    } finally {
      checkout.remove();
    }
  });

  it('name no other origin', () => {
    const ours = /^https?:\/\/(www\.w3\.org\/|preactjs\.com)/;
    for (const file of [...pages, ...assets.filter((asset) => asset.endsWith('.css'))]) {
      const urls = [
        ...read(file)
          .toString()
          .matchAll(/https?:\/\/[^"'\s)]+/g),
      ].map(([url]) => url);
      assert.deepEqual(
        urls.filter((url) => !ours.test(url)),
        [],
        file,
      );
    }
  });
});

describe('the headers of firebase.json', () => {
  /** The Firebase CLI's own matching. */
  const cli = createRequire(createRequire(import.meta.url).resolve('firebase-tools/package.json'));
  const { configMatcher } = cli('superstatic/lib/utils/patterns');
  const headersOf = (path: string): Record<string, string> =>
    Object.fromEntries(
      hosting.headers
        .filter((rule: object) => configMatcher(path, rule))
        .flatMap((rule: { headers: { key: string; value: string }[] }) => rule.headers)
        .map(({ key, value }: { key: string; value: string }) => [key.toLowerCase(), value]),
    );

  it('protect every page: nothing runs but scripts of this site, nobody frames it, no address leaks', () => {
    const paths = pages.flatMap((page) => [`/${page}`, `/${page.replace(/index\.html$/, '')}`]);
    for (const path of [...paths, '/docs/']) {
      const headers = headersOf(path);
      const policy = new Map(
        headers['content-security-policy']?.split('; ').map((part) => {
          const [name = '', ...values] = part.split(' ');
          return [name, values.join(' ')];
        }),
      );
      assert.equal(policy.get('default-src'), "'none'", path);
      for (const name of ['base-uri', 'form-action', 'frame-ancestors']) {
        assert.equal(policy.get(name), "'none'", name);
      }
      for (const name of ['script-src', 'style-src', 'img-src', 'connect-src']) {
        assert.equal(policy.get(name), "'self'", name);
      }
      assert.equal(policy.get('require-trusted-types-for'), "'script'");
      assert.match(headers['permissions-policy'] ?? '', /camera=\(\), .*microphone=\(\)/);
      assert.equal(headers['x-content-type-options'], 'nosniff');
      assert.equal(headers['referrer-policy'], 'no-referrer');
      assert.equal(headers['cross-origin-opener-policy'], 'same-origin');
      assert.equal(headers['cache-control'], 'no-cache', path);
    }
  });

  it('let browsers keep what has a hash in its name', () => {
    for (const asset of assets) {
      assert.equal(headersOf(`/${asset}`)['cache-control'], 'public, max-age=31536000, immutable', asset);
    }
  });

  it('leave the answers of functions alone: they cost bytes, and contents of files have a stricter policy', () => {
    for (const path of ['/v1/status', '/v1/files/a/content', '/api/v1/health', '/healthz', '/openapi.json']) {
      assert.deepEqual(headersOf(path), {}, path);
    }
  });
});
