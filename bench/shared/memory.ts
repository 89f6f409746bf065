import { execFileSync } from 'node:child_process';

/** A process's resident memory in MiB. */
export function residentMib(pid: number): number {
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / 1024;
}

/** Watches a process's memory; call the answer to end that and get the most it was, in MiB. */
export function watchMemory(pid: number): () => number {
  let most = residentMib(pid);
  const look = (): void => {
    most = Math.max(most, residentMib(pid));
  };
  const timer = setInterval(look, 250);
  return () => {
    clearInterval(timer);
    look();
    return most;
  };
}
