// node scripts/run.mjs FILE ARGS…: prepares, then runs FILE on the right Node as if it had been called directly.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { prepare } from './prepare.mjs';

// The child ends when this process does, however that happens: it sees the channel between them close.
const endWithParent =
  "process.once('disconnect', () => process.kill(process.pid, 'SIGTERM')); process.channel?.unref();";

try {
  const node = await prepare();
  const preload = `data:text/javascript,${encodeURIComponent(endWithParent)}`;
  const child = spawn(node, ['--import', preload, ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.once('error', (error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
  child.once('exit', (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal];
  });
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
