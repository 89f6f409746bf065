import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { cpuLimiter } from '../../local/functions/cpu.ts';

describe('the limit of an instance’s CPU', () => {
  let mount: string;
  beforeEach(() => {
    mount = mkdtempSync(join(tmpdir(), 'sluice-cgroups-'));
  });
  afterEach(() => rmSync(mount, { recursive: true }));

  function hasControllers(names: string): void {
    writeFileSync(join(mount, 'cgroup.controllers'), `${names}\n`);
  }

  /** The limiter of a system whose groups are plain directories, in which this process is in `groups`. */
  function limiterOf(groups: string): ReturnType<typeof cpuLimiter> {
    const own = join(mount, 'own');
    writeFileSync(own, groups);
    return cpuLimiter({ mount, own });
  }
  const read = (...path: string[]): string => readFileSync(join(mount, ...path), 'utf8');
  const groupOf = (pid: number): string => `sluice-${process.pid}-${pid}`;

  it('is a quota of each period, in a group of its own (version 2)', () => {
    hasControllers('cpuset cpu io memory');
    mkdirSync(join(mount, 'user/shell'), { recursive: true });
    limiterOf('0::/user/shell\n')?.(7, 0.167);
    assert.equal(read('user/shell', groupOf(7), 'cpu.max'), '16700 100000');
    assert.equal(read('user/shell', groupOf(7), 'cgroup.procs'), '7');
  });

  it('is one below the controller’s mount (version 1), the top where a container does not show its own', () => {
    mkdirSync(join(mount, 'cpu,cpuacct'));
    limiterOf('9:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n0::/docker/x\n')?.(7, 2);
    assert.equal(read('cpu,cpuacct', groupOf(7), 'cpu.cfs_quota_us'), '200000');
    assert.equal(read('cpu,cpuacct', groupOf(7), 'cpu.cfs_period_us'), '100000');
  });

  it('is not there without control groups', () => {
    assert.equal(limiterOf(''), undefined);
    assert.equal(limiterOf('9:memory:/\n4:cpu:/\n0::/\n'), undefined);
    hasControllers('cpuset memory');
    assert.equal(limiterOf('0::/\n'), undefined);
    assert.equal(cpuLimiter({ mount, own: join(mount, 'absent') }), undefined);
  });

  it('leaves no groups of stacks that were killed, and those of others', () => {
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    const names = [`sluice-${pid}-1`, `sluice-${process.ppid}-1`, 'sluice-notes'];
    for (const name of names) mkdirSync(join(mount, name));
    hasControllers('cpu');
    limiterOf('0::/\n');
    assert.deepEqual(
      names.filter((name) => existsSync(join(mount, name))),
      names.slice(1),
    );
  });

  it('keeps a process to its share, here where the system has control groups', async () => {
    const limit = cpuLimiter();
    if (limit === undefined) {
      console.log('      not tried: no control groups can be made here');
      return;
    }
    const child = spawn(process.execPath, ['-e', worksForMs(100)], { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    await lines.next();
    const end = limit(child.pid ?? 0, 0.1);
    child.stdin.end('begin');
    // 100 ms of work in tenths of 100 ms, the last of which needs no rest after it.
    assert.ok(Number((await lines.next()).value) >= 700);
    await once(child, 'exit');
    end();
  });
});

/** A program that says when it is there, then works for so long when told to, and prints the milliseconds it took. */
function worksForMs(ms: number): string {
  return `console.log('ready');
  process.stdin.once('data', () => {
    const atMs = performance.now();
    const usedUs = () => process.cpuUsage().user + process.cpuUsage().system;
    const doneUs = usedUs() + ${ms} * 1000;
    while (usedUs() < doneUs);
    console.log(performance.now() - atMs);
  });`;
}
