import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The kernel’s usual period: a process that has used its share of it rests until the next. */
const periodUs = 100_000;
/** The smallest quota that the kernel takes. */
const leastQuotaUs = 1_000;

const prefix = 'sluice-';

/** Limits a process to so many vCPUs; returns what takes the limit away once the process has ended. */
export type CpuLimiter = (pid: number, vcpu: number) => () => void;

/** Control groups of this system, and the file that names those of this process. */
interface CgroupFiles {
  mount: string;
  own: string;
}

const systemFiles: CgroupFiles = { mount: '/sys/fs/cgroup', own: '/proc/self/cgroup' };

/** Version of control groups: the files that hold a limit. */
type Version = 1 | 2;

/**
 * A limiter by Linux’s control groups (https://docs.kernel.org/scheduler/sched-bwc.html), each process in one of its
 * own below a group in which this process may make some: its own, or one above it. Undefined where the system has none.
 */
export function cpuLimiter(files = systemFiles): CpuLimiter | undefined {
  const parent = parentGroup(files);
  if (parent === undefined) return undefined;
  const { directory, version } = parent;
  removeLeftovers(directory);
  return (pid, vcpu) => {
    const group = join(directory, `${prefix}${process.pid}-${pid}`);
    mkdirSync(group);
    writeQuota(group, version, vcpu);
    writeFileSync(join(group, 'cgroup.procs'), String(pid));
    return () => removeGroup(group);
  };
}

function writeQuota(group: string, version: Version, vcpu: number): void {
  const quotaUs = Math.max(leastQuotaUs, Math.round(vcpu * periodUs));
  if (version === 2) {
    writeFileSync(join(group, 'cpu.max'), `${quotaUs} ${periodUs}`);
  } else {
    writeFileSync(join(group, 'cpu.cfs_period_us'), String(periodUs));
    writeFileSync(join(group, 'cpu.cfs_quota_us'), String(quotaUs));
  }
}

function parentGroup({ mount, own }: CgroupFiles): { directory: string; version: Version } | undefined {
  // Lines such as `4:cpu,cpuacct:/user.slice`, or `0::/user.slice` of version 2, whose controllers are in a file.
  for (const [, named, path] of readIfPresent(own).matchAll(/^\d+:(.*?):(.*)$/gm)) {
    const version = named === '' ? 2 : 1;
    const controllers = named || readIfPresent(join(mount, 'cgroup.controllers')).trim();
    if (!controllers.split(/[, ]/).includes('cpu')) continue;
    const top = join(mount, named ?? '');
    const directory = ancestors(top, path ?? '').find((each) => canLimit(each, version));
    if (directory !== undefined) return { directory, version };
  }
  return undefined;
}

/** In a container the path may be the host’s, which is not there: then only the top is tried. */
function ancestors(top: string, path: string): string[] {
  const all: string[] = [];
  for (let at = join(top, path); at.startsWith(top); at = dirname(at)) all.push(at);
  return all;
}

/** True where a group can be made and takes a limit. */
function canLimit(directory: string, version: Version): boolean {
  const group = join(directory, `${prefix}${process.pid}-0`);
  try {
    mkdirSync(group);
  } catch {
    return false;
  }
  try {
    writeQuota(group, version, 1);
    return true;
  } catch {
    return false;
  } finally {
    removeGroup(group);
  }
}

/** Groups of stacks that were killed. */
function removeLeftovers(directory: string): void {
  for (const name of readdirSync(directory)) {
    const pid = new RegExp(`^${prefix}(\\d+)-\\d+$`).exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) removeGroup(join(directory, name));
  }
}

/** Removes a group, or leaves it to the next stack where a process is still in it. */
function removeGroup(group: string): void {
  try {
    rmdirSync(group);
  } catch {}
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function readIfPresent(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
