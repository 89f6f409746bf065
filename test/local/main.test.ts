import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { roles } from '../../functions/src/http/roles.ts';
import { closeServer, listen } from '../../local/shared/http.ts';
import { isAlive, until } from './support.ts';

const root = join(import.meta.dirname, '../..');

interface Run {
  child: ChildProcess;
  output(): string;
  ended: Promise<number | null>;
}

/** `npm start` without npm: what package.json's script runs. */
function start(...args: string[]): Run {
  return watch(
    spawn(process.execPath, ['scripts/run.mjs', 'local/main.ts', ...args], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  );
}

function watch(child: ChildProcess): Run {
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return { child, output: () => output, ended: new Promise((resolve) => child.once('close', resolve)) };
}

async function hostingOf(run: Run): Promise<string> {
  const address = (): string | undefined => /Hosting +(http:\S+)/.exec(run.output())?.[1];
  await until(() => address() !== undefined || run.child.exitCode !== null);
  return address() ?? assert.fail(run.output());
}

async function pidsOf(hosting: string): Promise<number[]> {
  await fetch(`${hosting}/v1/none`);
  const answer = await fetch(`${hosting}/__local/instances`);
  const { instances } = (await answer.json()) as { instances: { pid: number }[] };
  return instances.map(({ pid }) => pid);
}

describe('npm start', () => {
  // Each process has a part of the range to itself, and the documented ports stay free for the user's own stack. All
  // ports stay below 32768, where systems begin to take ports for outgoing connections.
  const offset = 10_000 + (process.pid % 1300) * 10;

  it('prints addresses, keys and requests to try, and ends with Ctrl-C, leaving no process', async () => {
    const run = start('--port-offset', String(offset));
    const hosting = await hostingOf(run);
    assert.equal(hosting, `http://127.0.0.1:${5000 + offset}`);
    for (const role of roles) {
      assert.ok(run.output().includes(`local-${role}-key`));
    }
    assert.match(run.output(), /^curl .*\/v1\/tasks.*\/v1\/responses.*wait=completed/m);
    const pids = await pidsOf(hosting);
    assert.notDeepEqual(pids, []);
    run.child.kill('SIGINT');
    assert.equal(await run.ended, 0, run.output());
    assert.deepEqual(pids.filter(isAlive), []);
  });

  it('keeps its state with --data, and says what is wrong with a snapshot', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'main-data-'));
    try {
      const data = join(dir, 'made');
      const run = start('--port-offset', String(offset), '--data', data);
      await hostingOf(run);
      run.child.kill('SIGTERM');
      assert.equal(await run.ended, 0, run.output());
      assert.deepEqual(readdirSync(data), ['snapshot-1']);
      writeFileSync(join(data, 'snapshot-1/storage.jsonl'), '');
      const other = start('--port-offset', String(offset), '--data', data);
      assert.equal(await other.ended, 1);
      assert.match(other.output(), /storage\.jsonl is not a snapshot: it is cut off/);
      assert.match(other.output(), /give --data another directory/);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it('ends when what started it was killed', async () => {
    const run = start('--port-offset', String(offset + 5));
    const hosting = await hostingOf(run);
    const pids = await pidsOf(hosting);
    run.child.kill('SIGKILL');
    await run.ended;
    await until(() => !pids.some(isAlive));
    await until(() =>
      fetch(hosting).then(
        () => false,
        () => true,
      ),
    );
  });

  it('ends when npm was killed, though npm tells nobody', async () => {
    const npm = spawn('npm', ['start', '--', '--port-offset', String(offset + 7)], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const run = watch(npm);
    const pids = await pidsOf(await hostingOf(run));
    npm.kill('SIGKILL');
    // The pipe closes when the last process that can write to it has ended.
    await run.ended;
    assert.deepEqual(pids.filter(isAlive), []);
  });

  it('says which port is in use, and how to move', async () => {
    const taken = createServer();
    const port = await listen(taken, 0, 'test');
    try {
      const run = start('--port-offset', String(port - 5000));
      assert.equal(await run.ended, 1);
      assert.match(run.output(), new RegExp(`Port ${port}, wanted for hosting, is in use`));
      assert.ok(run.output().includes(`--port-offset ${port - 5000 + 100}`), run.output());
    } finally {
      await closeServer(taken);
    }
  });

  it('refuses options that it does not know', async () => {
    const run = start('--port-offset', 'many');
    assert.equal(await run.ended, 1);
    assert.match(run.output(), /--port-offset must be a whole number/);
    const other = start('--ports', '7');
    assert.equal(await other.ended, 1);
  });
});
