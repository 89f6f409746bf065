import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { KeyRing, keyDigest, readKeyRecords } from '../../../functions/src/keys/keyRecord.ts';
import {
  type LifecycleRule,
  missingValues,
  newInstallValues,
  newKeys,
  setUpBucket,
} from '../../../scripts/setup/setupSteps.ts';
import { bucketName, dayMs, type Harness, startHarness } from '../../local/storage/harness.ts';
import { build, functionsDir } from '../../support/build.ts';

const deleteTmp: LifecycleRule = {
  action: { type: 'Delete' },
  condition: { age: 1, matchesPrefix: ['tmp/'] },
};
const deleteAll: LifecycleRule = { action: { type: 'Delete' }, condition: { age: 1 } };

describe('npm run setup', () => {
  let harness: Harness;
  before(async () => {
    build();
    harness = await startHarness();
  });
  after(() => harness.close());

  async function rules(): Promise<LifecycleRule[]> {
    const [metadata] = await harness.bucket.getMetadata();
    return metadata.lifecycle?.rule ?? [];
  }

  it('adds its rules to those that exist, once however often it runs, and changes no other setting', async () => {
    const theirs = [
      deleteTmp,
      { ...deleteTmp, condition: { age: 30, matchesPrefix: ['temp/'] } },
      { ...deleteTmp, condition: { daysSinceCustomTime: 9, matchesPrefix: ['bodies/'] } },
    ];
    const cors = [{ origin: ['*'], method: ['GET'], responseHeader: ['etag'], maxAgeSeconds: 60 }];
    await harness.bucket.setMetadata({ lifecycle: { rule: theirs }, cors, labels: { team: 'theirs' } });
    assert.ok((await setUpBucket(harness.bucket)).some((line) => line.includes('allowed public access')));
    const own = [
      { action: { type: 'Delete' }, condition: { daysSinceCustomTime: 60, matchesPrefix: ['bodies/'] } },
      { action: { type: 'Delete' }, condition: { daysSinceCustomTime: 3, matchesPrefix: ['temp/'] } },
    ];
    assert.deepEqual(await rules(), [...theirs, ...own]);
    const lines = await setUpBucket(harness.bucket);
    assert.ok(!lines.some((line) => line.includes('public are closed')), 'said once');
    assert.deepEqual(await rules(), [...theirs, ...own]);
    assert.equal(lines.filter((line) => line.startsWith('WARNING: this rule')).length, 2);
    const [metadata] = await harness.bucket.getMetadata();
    assert.deepEqual([metadata.cors, metadata.labels], [cors, { team: 'theirs' }]);
  });

  it('takes away the rule that 3a6e002 made for all of temp/', async () => {
    const former = { ...deleteTmp, condition: { age: 3, matchesPrefix: ['temp/'] } };
    await harness.bucket.setMetadata({ lifecycle: { rule: [former, deleteTmp] } });
    const lines = await setUpBucket(harness.bucket);
    assert.ok(lines.some((line) => line.includes('temp/ after 3 days is gone')));
    assert.deepEqual((await rules())[0], deleteTmp);
    assert.equal((await rules()).length, 3);
  });

  it('lets bodies go 60 days after their customTime, temporary files 3 days after it, and nothing else', async () => {
    const customTime = new Date(harness.clock.now()).toISOString();
    const names = [
      'bodies/old',
      'bodies/young',
      'spool/old',
      'dead-letters/old',
      'temp/old',
      'temp/theirs',
      'bodies/theirs',
      'tts_audio/old',
    ];
    for (const name of names) {
      const young = new Date(harness.clock.now() + 5 * dayMs).toISOString();
      const metadata = name.endsWith('theirs')
        ? {}
        : { customTime: name === 'bodies/young' ? young : customTime };
      await harness.bucket.file(name).save('x', { resumable: false, metadata });
    }
    harness.advance(61 * dayMs);
    harness.storage.runLifecycle();
    const [files] = await harness.bucket.getFiles();
    assert.deepEqual(
      files.map(({ name }) => name),
      ['bodies/theirs', 'bodies/young', 'dead-letters/old', 'spool/old', 'temp/theirs', 'tts_audio/old'],
    );
  });

  it('warns of a rule that deletes what must stay', async () => {
    await harness.bucket.setMetadata({ lifecycle: { rule: [deleteAll, deleteTmp] } });
    const lines = await setUpBucket(harness.bucket);
    assert.equal(lines.filter((line) => line.startsWith('WARNING: this rule')).length, 1);
  });

  it('gives parameters without a value their default, and leaves the others alone', () => {
    const params = [
      { name: 'A', type: 'int', default: 5 },
      { name: 'B', type: 'string', default: '' },
      { name: 'API_KEYS', type: 'secret' },
    ];
    assert.equal(missingValues('', params), 'A=5\nB=\n');
    assert.equal(missingValues('A=7\n', params), 'B=\n');
    assert.equal(missingValues('A=7\nB=x\n', params), '');
  });

  it('begins a line of its own after a file that ends within one', () => {
    const params = [{ name: 'B', type: 'int', default: 5 }];
    assert.equal(missingValues('A=7', params), '\nB=5\n');
    assert.equal(missingValues('B=7', params), '');
  });

  it('does not undo what the file for all projects sets', () => {
    const params = [{ name: 'A', type: 'int', default: 5 }];
    assert.equal(missingValues('', params, 'A=7\n'), '');
  });

  it('binds keys strictly where it makes the first keys of a project that had no parameters', () => {
    const params = [{ name: 'STRICT_BINDING', type: 'boolean', default: false }];
    assert.equal(missingValues('', params), 'STRICT_BINDING=false\n');
    assert.equal(missingValues('', params, '', newInstallValues), 'STRICT_BINDING=true\n');
  });

  it('makes keys that the functions know by the secret', () => {
    const { keys, secret } = newKeys(['miner', 'admin']);
    const ring = new KeyRing(readKeyRecords(JSON.parse(secret)));
    assert.equal(ring.find(keyDigest(keys['admin'] ?? ''))?.role, 'admin');
    assert.equal(ring.find(keyDigest(keys['miner'] ?? ''))?.role, 'miner');
    assert.notEqual(keys['miner'], newKeys(['miner']).keys['miner']);
    // What begins with a dash is an option to every command that takes a key.
    const many = Object.values(newKeys(Array.from({ length: 2000 }, (_, index) => `role${index}`)).keys);
    assert.ok(many.every((key) => /^[\w][\w-]{42}$/.test(key)));
  });

  it('runs as a command', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'sluice-setup-'));
    const logging = await startLogging();
    try {
      for (const name of ['lib', 'package.json'])
        cpSync(join(functionsDir, name), join(dir, name), { recursive: true });
      symlinkSync(join(functionsDir, 'node_modules'), join(dir, 'node_modules'));
      writeFileSync(join(dir, '.env.demo'), 'LOG_LEVEL=DEBUG\n');
      const script = join(import.meta.dirname, '../../../scripts/setup.ts');
      const args = ['--project', 'demo', '--bucket', bucketName, '--functions-dir', dir, '--new-keys'];
      args.push('--request-logs', 'exclude');
      const { stdout } = await promisify(execFile)(process.execPath, [script, ...args], {
        env: {
          PATH: process.env['PATH'],
          STORAGE_EMULATOR_HOST: harness.origin,
          LOGGING_EMULATOR_URL: logging.url,
          METADATA_SERVER_DETECTION: 'none',
        },
      });
      assert.match(
        logging.exclusions[0]?.filter ?? '',
        /service_name=\(.*"sluice-ingest".*"sluice-polls".*\)/,
      );
      assert.match(stdout, /^Excluding from what Cloud Logging keeps: .*"sluice-ingest"/m);
      const secret = stdout.trimEnd().split('\n').at(-1) ?? '';
      const shown = /^ {2}admin +(\S+)$/m.exec(stdout)?.[1] ?? '';
      assert.ok(secret.includes(createHash('sha256').update(shown).digest('hex')));
      const written = readFileSync(join(dir, '.env.demo'), 'utf8');
      assert.match(written, /^LOG_LEVEL=DEBUG\n(.*\n)*FLUSH_TICK_SECONDS=5\n/);
      assert.equal(written.match(/LOG_LEVEL/g)?.length, 1);
      assert.match(written, /^STRICT_BINDING=false$/m, 'parameters were there before');
      assert.deepEqual(readdirSync(dir).sort(), ['.env.demo', 'lib', 'node_modules', 'package.json']);
    } finally {
      await logging.close();
      rmSync(dir, { recursive: true });
    }
  });
});

/** Cloud Logging's exclusions, of which there is none at first. */
async function startLogging() {
  const exclusions: { filter: string }[] = [];
  const server = createServer(async (request, response) => {
    if (request.method === 'POST') exclusions.push((await json(request)) as { filter: string });
    response.writeHead(request.method === 'POST' ? 200 : 404).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, exclusions, close: () => new Promise((resolve) => server.close(resolve)) };
}
