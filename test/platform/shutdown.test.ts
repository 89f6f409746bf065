import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

const url = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);

/**
 * A process that exits on SIGTERM as the Functions Framework does: at once, by a listener that was there before ours.
 */
const program = `
  import { systemClock } from ${url('../../functions/src/platform/clock.ts')};
  import { atShutdown } from ${url('../../functions/src/platform/shutdown.ts')};
  const alive = setInterval(() => {}, 1000);
  process.on('SIGTERM', () => process.exit(3));
  atShutdown(systemClock, async () => {
    for (let turn = 0; turn < 100; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    console.log('returned');
  });
  console.log('ready');
`;

describe('at its shutdown a process', () => {
  it('ends only after its work is done, with the code that was asked for', async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    const output = text(child.stdout);
    child.stdout.once('data', () => child.kill('SIGTERM'));
    const [code] = await exited;
    assert.deepEqual((await output).trim().split('\n'), ['ready', 'returned']);
    assert.equal(code, 3);
  });
});
