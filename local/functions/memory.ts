import { readFileSync } from 'node:fs';

/** The interval at which the instances' memory is looked at; a peak in between is not noticed. */
const pollMs = 100;
const bytesPerMiB = 1024 * 1024;

/** A process that may use only so much memory. */
export interface LimitedProcess {
  readonly pid: number | undefined;
  readonly memoryBytes: number;
  /** Called once it uses more; `usedBytes` is its resident memory. */
  killForMemory(usedBytes: number): void;
}

/**
 * Kills what exceeds its memory, as Cloud Run does
 * (https://cloud.google.com/run/docs/configuring/services/memory-limits). Without /proc nothing is
 * seen. Returns what ends it.
 */
export function limitMemory(processes: () => Iterable<LimitedProcess>): () => void {
  const timer = setInterval(() => {
    for (const each of processes()) {
      const usedBytes = each.pid === undefined ? 0 : residentBytes(each.pid);
      if (usedBytes > each.memoryBytes) each.killForMemory(usedBytes);
    }
  }, pollMs).unref();
  return () => clearInterval(timer);
}

/**
 * Node's options in a container with this limit: half of it is the heap's at most, so that garbage is collected in
 * time. Here it would see the whole machine's memory.
 */
export function heapArguments(memoryBytes: number): string[] {
  return [`--max-old-space-size=${Math.floor(memoryBytes / bytesPerMiB / 2)}`];
}

export function mebibytes(bytes: number): number {
  return Math.ceil(bytes / bytesPerMiB);
}

/** 0 when the process is gone, or the system has no /proc. */
function residentBytes(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
