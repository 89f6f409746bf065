/**
 * `npm run coverage [-- ROOM…]`: runs the tests of each room of functions/src by themselves, and lists the
 * functions of that room which they leave unrun. Ends with 1 where they reach no function of a file that has
 * some, or do not all pass.
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { functionsRun, type RunFunction, testFiles } from './mutation/tests.ts';

const root = join(import.meta.dirname, '..');
const sourceDir = join(root, 'functions/src');
const asked = process.argv.slice(2);
/** `app` only wires: the tests of whole stacks run it. */
const rooms = globSync('*/', { cwd: sourceDir }).filter((room) => existsSync(join(root, 'test', room)));

for (const room of asked.length > 0 ? asked : rooms.sort()) {
  const ran = await functionsRun(testFiles(`test/${room}/**/*.test.ts`));
  const files = globSync(`${room}/**/*.ts`, { cwd: sourceDir }).sort();
  const lines = ran === undefined ? ['its tests do not pass'] : files.flatMap((file) => gaps(file, ran));
  console.log(`${room}: ${files.length} files${lines.map((line) => `\n  ${line}`).join('')}`);
  if (ran === undefined || lines.some((line) => line.startsWith('UNREACHED'))) process.exitCode = 1;
}

/** Tells in a line, where there is something to tell, how many functions of a file ran, and names the others. */
function gaps(file: string, ran: ReadonlyMap<string, readonly RunFunction[]>): string[] {
  const path = join(sourceDir, file);
  const all = ran.get(pathToFileURL(path).href);
  if (all === undefined) return hasFunctions(path) ? [`UNREACHED ${file}`] : [];
  const counts = new Map<string, number>();
  for (const { functionName, ranges } of all) {
    const [{ startOffset, count } = { startOffset: 0, count: 0 }] = ranges;
    const name = `${functionName || 'unnamed'}:${startOffset}`;
    // The module itself is a function that begins at 0.
    if (startOffset > 0 || functionName !== '') counts.set(name, (counts.get(name) ?? 0) + count);
  }
  const unrun = [...counts].filter(([, count]) => count === 0).map(([name]) => name.replace(/:\d+$/, ''));
  if (unrun.length === 0) return [];
  const mark = unrun.length === counts.size ? 'UNREACHED ' : '';
  return [`${mark}${file}: ${counts.size - unrun.length} of ${counts.size}, not ${unrun.join(', ')}`];
}

function hasFunctions(path: string): boolean {
  return /=>|\bfunction\b|\) \{/.test(stripTypeScriptTypes(readFileSync(path, 'utf8')));
}
