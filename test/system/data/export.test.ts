import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CloudTasksClient } from '@google-cloud/tasks';
import { credentials } from '@grpc/grpc-js';
import { advanceUntil } from '../../support/advance.ts';
import { servicesOf } from './dump.ts';
import { hotkeys, type Scene, secretOf, startScene } from './scene.ts';

// Off the cloud, the clients would look for a metadata server.
process.env['METADATA_SERVER_DETECTION'] ??= 'none';

interface Line extends Record<string, unknown> {
  kind: string;
  source: string;
}

/** The lines of an export, after a look whether they are whole. */
function linesOf(ndjson: string): { lines: Line[]; end: Line } {
  const texts = ndjson.split('\n').slice(0, -1);
  const all = texts.map((text) => JSON.parse(text) as Line);
  const end = all.pop() ?? assert.fail();
  const counts: Record<string, number> = {};
  for (const { kind } of all) counts[kind] = (counts[kind] ?? 0) + 1;
  assert.deepEqual([end.kind, end['counts']], ['end', counts]);
  const hash = createHash('sha256').update(
    texts
      .slice(0, -1)
      .map((text) => `${text}\n`)
      .join(''),
  );
  assert.equal(end['sha256'], hash.digest('hex'));
  return { lines: all, end };
}

/** A line with the content of its bytes beside them. */
const read = (line: Line): string =>
  JSON.stringify(line) + Buffer.from(String(line['base64'] ?? ''), 'base64').toString('utf8');

describe('npm run export', function () {
  this.timeout(180_000);
  let scene: Scene;
  let dir: string;

  before(async () => {
    scene = await startScene();
    dir = mkdtempSync(join(tmpdir(), 'sluice-export-'));
  });
  after(async () => {
    rmSync(dir, { recursive: true, force: true });
    await scene.stack.close();
  });

  const sources = (lines: readonly Line[], kind: string): string[] =>
    lines
      .filter((line) => line.kind === kind)
      .map(({ source }) => source.replace(/[0-9a-f-]{36}|\d{9,}/, 'ID'));

  it('writes all of one miner, from wherever it is, and nothing of another', async () => {
    const file = join(dir, 'miner.ndjson');
    const { code, stderr } = await scene.run('export.ts', '--miner', '7', '--out', file);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /Cost: \d+ Firestore reads, \d+ Cloud Tasks operations/);
    const { lines, end } = linesOf(readFileSync(file, 'utf8'));
    const text = lines.map(read).join('\n');
    assert.ok(!text.includes(secretOf(8)), 'nothing of the other');
    assert.deepEqual(sources(lines, 'answer').sort(), ['tasks/done', 'tasks/large']);
    assert.deepEqual(sources(lines, 'evaluation'), ['tasks/done']);
    assert.deepEqual(sources(lines, 'body'), ['bodies/responses/ID']);
    assert.deepEqual(sources(lines, 'file').sort(), ['files/ID', 'files/ID', 'tts_audio/ID', 'tts_audio/ID']);
    assert.deepEqual(sources(lines, 'key'), ['GET /v1/keys']);
    assert.equal(sources(lines, 'dead_letter').length, 1);
    const waiting = lines.filter(({ kind }) => kind === 'event');
    assert.deepEqual(waiting.map(({ event }) => (event as { taskId: string }).taskId).sort(), [
      'batch',
      'late',
      'spoken',
      'spooled',
    ]);
    const places = waiting.map(({ source }) => source.split(/[:/]/)[0]).sort();
    assert.deepEqual(places, ['queue', 'queue', 'queue', 'spool']);
    const large = lines.find(({ kind }) => kind === 'body') ?? assert.fail();
    assert.equal(JSON.parse(Buffer.from(String(large['base64']), 'base64').toString()).text, secretOf(7));
    const { firestore_reads: reads } = end['cost'] as Record<string, number>;
    // Six tasks, two files of its own and two of another's, one that is not in Firestore yet.
    assert.ok((reads ?? 0) >= 10 && (reads ?? 0) <= 14, String(reads));
  });

  it('takes no more reads from the quota than it says', async () => {
    const readsOfLeases = async (): Promise<number> => {
      // Answers of the quota are some seconds old.
      await scene.stack.advance(10_000);
      const { json } = await scene.call('read', 'GET', '/v1/quota');
      return (json['by_cause'] as Record<string, Record<string, number>>)['leases']?.['reads'] ?? 0;
    };
    const before = await readsOfLeases();
    const { stdout } = await scene.run('export.ts', '--task', 'done', '--out', '-');
    const { cost } = linesOf(stdout).end as unknown as { cost: Record<string, number> };
    assert.equal((await readsOfLeases()) - before, cost['firestore_reads']);
  });

  it('writes all of one task, document and contents as they are stored', async () => {
    const { code, stdout, stderr } = await scene.run('export.ts', '--task', 'done', '--out', '-');
    assert.equal(code, 0, stderr);
    const { lines } = linesOf(stdout);
    const [task] = lines.filter(({ kind }) => kind === 'task');
    const { fields } = (task ?? assert.fail())['document'] as {
      fields: Record<string, Record<string, unknown>>;
    };
    assert.deepEqual(fields['required_miner_count'], { integerValue: '2' });
    assert.match(String(fields['written_at']?.['timestampValue']), /^\d{4}-.*\.\d{9}Z$/);
    assert.ok(fields['_sluice']?.['bytesValue']);
    assert.equal(sources(lines, 'dead_letter').length, 2);
    assert.deepEqual(sources(lines, 'file').sort(), ['files/ID', 'files/ID', 'tts_audio/ID', 'tts_audio/ID']);
  });

  it('takes only what was sent with a hotkey where one is given', async () => {
    const { code, stdout } = await scene.run(
      'export.ts',
      '--miner',
      '7',
      '--hotkey',
      hotkeys[8],
      '--out',
      '-',
    );
    assert.equal(code, 0);
    const { lines } = linesOf(stdout);
    assert.deepEqual(
      lines.filter(({ kind }) => !['key'].includes(kind)),
      [],
    );
  });

  it('writes what is in no document, also what this version cannot open, and costs no read of Firestore', async () => {
    scene.stack.clearFaults();
    const [apiEndpoint = '', port] = (scene.stack.clientEnv['SLUICE_TASKS_HOST'] ?? '').split(':');
    const sslCreds = credentials.createInsecure();
    const client = new CloudTasksClient({ projectId: 'p', apiEndpoint, port: Number(port), sslCreds });
    const parent = 'projects/demo-sluice/locations/us-central1/queues/sluice-flush';
    const later = Buffer.from(JSON.stringify({ data: { schema: 99, secret: secretOf(7) } }));
    const url = `${scene.stack.urls.functions}/sluice-flush`;
    const task = {
      httpRequest: { url, body: later },
      scheduleTime: { seconds: scene.stack.now() / 1000 + 9_000 },
    };
    const [made] = await client.createTask({ parent, task });
    const { code, stdout, stderr } = await scene.run('export.ts', '--waiting', '--out', '-');
    assert.equal(code, 3, stderr);
    const { lines, end } = linesOf(stdout);
    assert.equal(end['unreadable'], 1);
    assert.equal((end['cost'] as Record<string, number>)['firestore_reads'], 0);
    const text = lines.map(read).join('\n');
    const unread = lines.find((line) => line['unreadable'] !== undefined) ?? assert.fail();
    assert.deepEqual(Buffer.from(String(unread['base64']), 'base64'), later);
    assert.equal(sources(lines, 'dead_letter').length, 2);
    assert.ok(sources(lines, 'carrier').length >= 2);
    assert.deepEqual(sources(lines, 'body'), ['bodies/carriers/ID'], 'others are kept by their tasks');
    assert.ok(!text.includes('tts_audio/'));
    const ofMiner = await scene.run('export.ts', '--miner', '7', '--out', '-');
    assert.equal(ofMiner.code, 3);
    const { lines: itsLines } = linesOf(ofMiner.stdout);
    const unopened = itsLines.filter(({ kind }) => kind === 'unreadable');
    assert.deepEqual([unopened.length, unopened[0]?.['base64']], [1, undefined]);
    await client.deleteTask({ name: made.name ?? '' });
    await client.close();
  });

  it('can be put back after a queue was purged, once, and twice', async () => {
    const file = join(dir, 'waiting.ndjson');
    assert.equal((await scene.run('export.ts', '--waiting', '--out', file)).code, 0);
    const { queued, purge, bucket, close } = servicesOf(scene.stack);
    const letters = async (): Promise<string[]> =>
      (await bucket.getFiles({ prefix: 'dead-letters/' }))[0].map(({ name }) => name).sort();
    const [before, lettersBefore] = [(await queued()).length, await letters()];
    await purge();
    for (const prefix of ['spool/', 'dead-letters/']) await bucket.deleteFiles({ prefix });
    assert.deepEqual([(await queued()).length, (await letters()).length], [0, 0]);
    const cut = readFileSync(file, 'utf8').split('\n');
    writeFileSync(join(dir, 'cut.ndjson'), [...cut.slice(0, 1), ...cut.slice(2)].join('\n'));
    assert.equal((await scene.run('restore.ts', '--from', join(dir, 'cut.ndjson'))).code, 2);
    for (const round of [1, 2]) {
      const { code, stdout, stderr } = await scene.run('restore.ts', '--from', file);
      assert.equal(code, 0, stderr);
      assert.match(stdout, round === 1 ? /^\d+ back, 1 there already, 0 not put back$/m : /there already/);
    }
    const isBack = async (): Promise<boolean> => (await queued()).length >= before;
    await advanceUntil(scene.stack, isBack, { stepMs: 5_000, steps: 30 });
    await scene.drain();
    assert.deepEqual(await letters(), lettersBefore);
    for (const taskId of ['late', 'batch', 'spoken', 'spooled']) {
      const { json } = await scene.call('read', 'GET', `/v1/tasks/${taskId}`);
      assert.equal(json['response_count'], 2, taskId);
    }
    await close();
  });

  it('says what is wrong and leaves no file that looks whole', async () => {
    const file = join(dir, 'none.ndjson');
    for (const args of [
      [],
      ['--task', 'done'],
      ['--task', 'done', '--waiting', '--out', file],
      ['--miner', 'seven', '--out', file],
      ['--waiting', '--after', 'a', '--out', file],
      ['--unknown', '--out', file],
      ['--project', 'p', '--waiting', '--out', file],
    ]) {
      assert.equal((await scene.run('export.ts', ...args)).code, 2, args.join(' '));
    }
    const nowhere = await scene.run('export.ts', '--waiting', '--out', file, '--url', 'http://127.0.0.1:9');
    assert.equal(nowhere.code, 2);
    assert.match(
      nowhere.stderr,
      /^No local stack answers at http:\/\/127\.0\.0\.1:9: `npm start` starts one/,
    );
    const refused = await scene.run('export.ts', '--miner', '7', '--key', 'none-of-ours', '--out', file);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /not whole: GET \/v1\/keys was answered 401/);
    assert.ok(!existsSync(file));
  });

  it('says so in a line where it cannot write', async () => {
    const out = join(dir, 'no folder', 'x.ndjson');
    const { code, stderr } = await scene.run('export.ts', '--waiting', '--out', out);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /^Broken off, not whole: ENOENT.*\n$/);
  });
});
