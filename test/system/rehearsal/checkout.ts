import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { isInstalled } from '../../../scripts/prepare.mjs';

const root = join(import.meta.dirname, '../../..');

/** A deploy needs none of these; files of the user's own are not to be seen. */
const others = /(^|\/)(\.git|node_modules|\.data)$|^(docs|test)$|^functions\/\.env\.|\.local$|\.log$/;

const nodeModules = join(root, 'functions/node_modules');

interface Outcome {
  code: number;
  /** All that was printed, errors too. */
  output: string;
  stdout: string;
}

/** A copy of the repository, so that a rehearsal writes its files there; packages are shared with it. */
export interface Checkout {
  readonly dir: string;
  /** Runs a command in it, with the variables and nothing else of this process’s environment. */
  run(env: Record<string, string>, command: string, ...args: string[]): Promise<Outcome>;
  /** As {@link run}, given to its standard input. */
  runWith(input: string, env: Record<string, string>, command: string, ...args: string[]): Promise<Outcome>;
  remove(): void;
}

export function makeCheckout(): Checkout {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-rehearsal-'));
  cpSync(root, dir, { recursive: true, filter: (path) => !others.test(relative(root, path)) });
  symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'));
  symlinkSync(nodeModules, join(dir, 'functions/node_modules'));
  return checkoutIn(dir);
}

/**
 * The repository as it was at a commit; with the packages of now where those that it names are the same, else with its
 * own, as `npm ci` installs them.
 * @throws where the history here does not reach back to it.
 */
export function checkoutOf(commit: string): Checkout {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-rehearsal-'));
  const archive = join(dir, '.archive.tar');
  try {
    execFileSync('git', ['archive', '--output', archive, commit], { cwd: root, stdio: 'pipe' });
  } catch (cause) {
    rmSync(dir, { recursive: true });
    const mend = 'git fetch --unshallow, where this is a clone that was cut off';
    throw new Error(`${commit} is not in the history here, and has to be deployed: ${mend}.`, { cause });
  }
  execFileSync('tar', ['xf', archive], { cwd: dir });
  for (const part of ['', 'functions']) {
    const packages = join(root, part, 'node_modules');
    const own = join(dir, part);
    if (isInstalled(own, packages)) symlinkSync(packages, join(own, 'node_modules'));
    else execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: own, stdio: 'pipe' });
  }
  return checkoutIn(dir);
}

function checkoutIn(dir: string): Checkout {
  const runWith: Checkout['runWith'] = (input, env, command, ...args) =>
    new Promise((resolve, reject) => {
      const PATH = `${join(root, 'node_modules/.bin')}:${process.env['PATH']}`;
      // The Firebase CLI asks npm for newer packages and waits for 10 s where it cannot be reached.
      const quiet = { NO_COLOR: '1', NO_UPDATE_NOTIFIER: '1', npm_config_offline: 'true' };
      const options = { cwd: dir, env: { ...env, ...quiet, PATH } };
      const child = execFile(command, args, options, (error, stdout, stderr) => {
        if (child.pid === undefined) reject(error);
        else resolve({ code: child.exitCode ?? -1, stdout, output: stdout + stderr });
      });
      // A command that reads no input may have ended before it is written.
      child.stdin?.on('error', () => undefined).end(input);
    });
  return {
    dir,
    run: (...given) => runWith('', ...given),
    runWith,
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}
