import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type LocalStack, startStack } from '../../local/stack.ts';
import { build } from '../support/build.ts';

const directory = join(import.meta.dirname, 'python');
/** They move the stack's clock, or count on it to stand still: one after another. */
const movesTheClock = new Set(['managers_test.py', 'stack_test.py']);
const maxRunMs = 300_000;

/** Runs a module of unittest; answers what it wrote. Rejects where a test failed or there is no python3. */
async function unittest(module: string, env: Record<string, string>): Promise<string> {
  const child = spawn('python3', ['-B', '-m', 'unittest', '-v', module], {
    cwd: directory,
    env: { ...process.env, ...env, NO_PROXY: '127.0.0.1', no_proxy: '127.0.0.1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: maxRunMs,
    killSignal: 'SIGKILL',
  });
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', (cause) =>
      reject(new Error('python3 cannot be started: the Python client needs 3.10 or newer.', { cause })),
    );
    child.once('close', resolve);
  });
  const output = Buffer.concat(chunks).toString();
  assert.equal(code, 0, output);
  return output;
}

describe('the Python client', function () {
  this.timeout(310_000);
  const files = globSync('*_test.py', { cwd: directory }).sort();
  const runs = new Map<string, Promise<string>>();
  let stack: LocalStack;
  before(async () => {
    build();
    stack = await startStack({ ports: 'free', projectId: 'demo-python', quiet: true });
    const env = {
      SLUICE_TEST_URL: stack.urls.hosting,
      SLUICE_TEST_KEY: stack.keys['admin'] ?? '',
      SLUICE_TEST_KEYS: JSON.stringify(stack.keys),
    };
    // Together, as they wait more than they work; each test below asks for its own.
    let before: Promise<unknown> = Promise.resolve();
    for (const file of files) {
      const turn = movesTheClock.has(file) ? before : Promise.resolve();
      const run = turn.then(() => unittest(basename(file, '.py'), env));
      const settled = run.catch(() => undefined);
      if (movesTheClock.has(file)) before = settled;
      runs.set(file, run);
    }
  });
  after(() => stack.close());

  for (const file of files) {
    it(file, async () => {
      assert.match((await runs.get(file)) ?? '', /^OK$/m);
    });
  }
});
