import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readConfig } from '../../../functions/src/config.ts';
import { discoverFunctions, firebaseConfig } from '../../../local/functions/discovery.ts';
import { resolveParams, type WireManifest } from '../../../local/functions/manifest.ts';
import { build, functionsDir } from '../../support/build.ts';
import { projectId, runDeployed } from './child.ts';

const storageBucket = 'a-bucket';

describe('parameters at run time', () => {
  const original = { ...process.env };
  let deployed: Record<string, string>;
  let manifest: WireManifest;

  before(async () => {
    build();
    manifest = await discoverFunctions({ functionsDir, projectId, storageBucket });
    deployed = resolveParams(manifest, {});
  });

  afterEach(() => {
    process.env = { ...original };
  });

  function given(values: Record<string, string>): void {
    process.env = { ...original, FIREBASE_CONFIG: firebaseConfig(projectId, storageBucket), ...values };
  }

  it('are all there after a deploy', () => {
    given(deployed);
    assert.equal(readConfig().flushTickMs, 5_000);
  });

  it('keep POLL_CACHE_SECONDS within what lets revocation work in a minute', () => {
    for (const [seconds, ms] of [
      ['60', 30_000],
      ['-1', 0],
      ['12', 12_000],
    ] as const) {
      given({ ...deployed, POLL_CACHE_SECONDS: seconds });
      assert.equal(readConfig().pollCacheMs, ms);
    }
  });

  it('stop the start with the names of those that are missing and would be 0, false or empty otherwise', () => {
    const { FLUSH_TICK_SECONDS: _, DAILY_TIME_ZONE: __, DAILY_WRITES: ___, ...rest } = deployed;
    given(rest);
    assert.throws(readConfig, /: FLUSH_TICK_SECONDS, DAILY_TIME_ZONE\. /);
    given({});
    for (const name of ['MAX_BODY_BYTES', 'RATE_WRITES_PER_SECOND', 'FILE_DELIVERY']) {
      assert.throws(readConfig, new RegExp(`\\b${name}\\b`));
    }
  });

  it('stop the start where they are of another type, and where the bucket is not known', () => {
    given({ ...deployed, DAILY_READS: 'many', STRICT_BINDING: 'yes' });
    process.env['FIREBASE_CONFIG'] = firebaseConfig(projectId, '');
    assert.throws(readConfig, /: STRICT_BINDING, DAILY_READS, FIREBASE_CONFIG \(storageBucket\)\. /);
  });

  it('are those of docs/parameters.md, with the defaults there', () => {
    const page = readFileSync(join(import.meta.dirname, '../../../docs/parameters.md'), 'utf8');
    const documented = [...page.matchAll(/^\| `([A-Z_]+)` \| (.+?) \| ./gm)].map(
      ([, name, value]) => `${name}=${value === '–' ? '' : value}`,
    );
    const declared = (manifest.params ?? [])
      .filter(({ type }) => type !== 'secret')
      .map((param) => `${param.name}=${param.default}`);
    assert.deepEqual(documented.sort(), declared.sort());
  });

  it('are each read by the code', () => {
    given(deployed);
    const { quota, ...values } = readConfig();
    const src = join(functionsDir, 'src');
    const code = globSync('**/*.ts', { cwd: src })
      .map((file) => [file, withoutComments(readFileSync(join(src, file), 'utf8'))])
      // What config.ts itself works with, it reads from a record of values.
      .map(([file, text]) => (file === 'config.ts' ? text?.match(/\w\.\w+/g)?.join(' ') : text))
      .join('\n');
    const unread = [...Object.keys(values), ...Object.keys(quota)].filter(
      (name) => !new RegExp(`\\b${name}\\b`).test(code),
    );
    assert.deepEqual(unread, []);
  });

  it('fail each call of the built functions where they are missing, and say so', async () => {
    const { flushed, swept } = await runDeployed<Record<string, string>>('wrapped.ts', ['{}'], {
      FLUSH_TICK_SECONDS: '',
    });
    for (const end of [flushed, swept]) assert.match(end ?? '', /FLUSH_TICK_SECONDS/);
  });
});

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/ .*$/gm, '');
}
