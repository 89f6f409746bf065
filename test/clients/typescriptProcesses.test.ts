import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { build as bundle } from 'esbuild';
import { Sluice } from '../../clients/typescript/src/index.ts';
import { FaultServer, type Line, problem } from './faultServer.ts';

const root = join(import.meta.dirname, '../..');
const kills = Number(process.env['SLUICE_TEST_KILLS'] ?? 24);

describe("the TypeScript client's outbox among processes", function () {
  this.timeout(60_000 + kills * 10_000);
  let server: FaultServer;
  let bundled: string;
  let folder: string;
  let path: string;
  const children = new Set<ChildProcessWithoutNullStreams>();
  before(async () => {
    bundled = mkdtempSync(join(tmpdir(), 'sluice-ts-'));
    // Dozens of processes start sooner from two files.
    await bundle({
      absWorkingDir: root,
      entryPoints: ['test/clients/typescriptChild.ts', 'clients/typescript/src/storeThread.ts'],
      entryNames: '[name]',
      outExtension: { '.js': '.mjs' },
      outdir: bundled,
      bundle: true,
      platform: 'node',
      format: 'esm',
    });
  });
  after(() => rmSync(bundled, { recursive: true }));
  beforeEach(async () => {
    server = await FaultServer.start();
    folder = mkdtempSync(join(tmpdir(), 'sluice-ts-'));
    path = join(folder, 'outbox.db');
  });
  afterEach(async () => {
    for (const each of children) each.kill('SIGKILL');
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  function start(args: (string | number)[], command = [process.execPath]) {
    const all = [
      ...command.slice(1),
      join(bundled, 'typescriptChild.mjs'),
      server.url,
      path,
      ...args.map(String),
    ];
    const started = spawn(command[0] ?? '', all, { env: { ...process.env, NODE_NO_WARNINGS: '1' } });
    started.stderr.pipe(process.stderr);
    children.add(started);
    started.once('close', () => children.delete(started));
    return started;
  }

  async function drained(): Promise<void> {
    await using client = new Sluice({ url: server.url, key: 'a-key', outbox: path, lingerMs: 5 });
    assert.equal(await client.drain(), true);
  }

  const numberOf = ({ data }: Line): number => (data as { n: number }).n;

  it('loses and doubles nothing when a process is killed at random', async () => {
    const taken: number[] = [];
    // A linear congruential generator: the same kills each time.
    let seed = 11;
    const random = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return Math.floor((seed / 2 ** 31) * below);
    };
    for (let kill = 0; kill < kills; kill += 1) {
      // What a process was about to say when it was killed may be kept, too: none writes the numbers of another.
      const proxy = start(['a/b', kill * 10_000]);
      let left = 1 + random(30);
      for await (const line of createInterface(proxy.stdout)) {
        taken.push(Number(line));
        left -= 1;
        if (left !== 0) continue;
        server.failures = [server.lostAnswer()];
        proxy.kill('SIGKILL');
      }
    }
    server.failures = [];
    await drained();
    const stamps = new Map<number, Set<string>>();
    for (const line of server.kept) {
      const n = numberOf(line);
      stamps.set(n, (stamps.get(n) ?? new Set()).add(line.stamp));
    }
    assert.deepEqual(
      taken.filter((n) => !stamps.has(n)),
      [],
    );
    assert.deepEqual(
      [...stamps.values()].filter(({ size }) => size !== 1),
      [],
    );
    const byStamp = [...stamps].toSorted(([, [a = '']], [, [b = '']]) => (a < b ? -1 : 1));
    assert.deepEqual(
      byStamp.map(([n]) => n),
      [...stamps.keys()].toSorted((a, b) => a - b),
    );
  });

  it('shares a file between processes, one of which sends', async () => {
    const both = ['a/0', 'a/1'].map((document) => start([document, 0, 100]));
    const ends = await Promise.all(both.map((each) => once(each.stdout.resume() && each, 'close')));
    assert.deepEqual(ends, [
      [0, null],
      [0, null],
    ]);
    await drained();
    const byStamp = new Map(server.kept.map((line) => [line.stamp, line]));
    assert.deepEqual([byStamp.size, server.kept.length], [200, 200]);
    for (const document of ['a/0', 'a/1']) {
      const inOrder = [...byStamp.keys()].toSorted().map((stamp) => byStamp.get(stamp));
      const numbers = inOrder.flatMap((line) => (line?.['path'] === document ? [numberOf(line)] : []));
      assert.deepEqual(numbers, [...Array(100).keys()]);
    }
  });

  it('throws when the disk is full, and takes events again when there is room', async () => {
    server.failures = Array(10_000).fill(problem(503, 'unavailable'));
    // A limit on the size of files: what is written past it fails as on a full disk.
    const limited = ['bash', '-c', `trap '' XFSZ; ulimit -S -f 300; exec "${process.execPath}" "$@"`, 'bash'];
    const proxy = start(['a/b', 0, 60, 10_000], limited);
    const said: string[] = [];
    for await (const line of createInterface(proxy.stdout)) {
      said.push(line);
      if (/^\d+$/.test(line)) continue;
      execFileSync('prlimit', ['--pid', String(proxy.pid), '--fsize=unlimited:unlimited']);
      proxy.stdin.write('\n');
    }
    const [refusal, ...others] = said.filter((line) => !/^\d+$/.test(line));
    assert.match(refusal ?? '', /^The outbox .* could not append: /);
    assert.deepEqual(others, []);
    server.failures = [];
    await drained();
    assert.deepEqual([...new Set(server.kept.map(numberOf))], [...Array(60).keys()]);
  });
});
