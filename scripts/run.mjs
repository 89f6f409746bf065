// node scripts/run.mjs FILE ARGS…: prepares, then runs FILE on the right Node as if it had been called directly.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
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
  if (process.env.npm_lifecycle_event !== undefined) endWithShell(child);
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

/**
 * npm passes a signal to the shell between it and this process, and that shell just dies; killed itself, npm tells
 * nobody. So a change among the parents is the sign to end.
 */
function endWithShell(child) {
  const before = parents();
  const watch = setInterval(() => {
    if (parents() === before) return;
    clearInterval(watch);
    child.kill('SIGTERM');
  }, 250);
  watch.unref();
}

/** The shell's process id and, where /proc tells it, npm's. */
function parents() {
  try {
    return /^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${process.ppid}/status`, 'utf8'))[0] + process.ppid;
  } catch {
    return process.ppid;
  }
}
