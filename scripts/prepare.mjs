// Installs what is missing and builds the functions. Runs on any Node from 20 on, before anything is installed:
// so it is plain JavaScript and imports nothing but Node itself.
import { spawn } from 'node:child_process';
import { accessSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const neededMajor = 24;

/** Installs, builds, and returns the Node to run everything else with. */
export async function prepare() {
  const stale = [root, join(root, 'functions')].filter((dir) => !isInstalled(dir));
  if (stale.length > 0) console.log('Installing packages …');
  await Promise.all(stale.map(install));
  const node = findNode();
  await run(node, [join(root, 'scripts/build.ts')], root);
  return node;
}

/**
 * True when `packagesDir` holds what the lock file in `dir` names; npm keeps the list of what it installed there.
 * @param {string} dir
 * @param {string} [packagesDir]
 */
export function isInstalled(dir, packagesDir = join(dir, 'node_modules')) {
  const installed = readPackages(join(packagesDir, '.package-lock.json'));
  const wanted = readPackages(join(dir, 'package-lock.json'));
  if (installed === undefined || wanted === undefined) return false;
  return Object.entries(wanted).every(
    ([path, entry]) => path === '' || entry.optional || entry.version === installed[path]?.version,
  );
}

function readPackages(lockFile) {
  try {
    return JSON.parse(readFileSync(lockFile, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

function install(dir) {
  const npm = process.env.npm_execpath;
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  return npm?.endsWith('.js') ? run(process.execPath, [npm, ...args], dir) : run('npm', args, dir);
}

/** The Node that is installed as a package, else the one that runs this, when it is new enough. */
function findNode() {
  const packaged = join(root, 'node_modules/.bin/node');
  try {
    accessSync(packaged);
    return packaged;
  } catch {
    if (Number.parseInt(process.versions.node, 10) >= neededMajor) return process.execPath;
  }
  throw new Error(
    `Node ${neededMajor} or newer is needed on ${process.platform}-${process.arch}; this is ${process.versions.node}.`,
  );
}

function run(command, args, cwd) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${command} ${args.join(' ')} failed in ${cwd}.`));
    });
  });
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    await prepare();
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
