import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { Failed } from './deploySteps.ts';

const root = join(import.meta.dirname, '../..');

/**
 * Runs a command of the Firebase CLI and shows what it prints.
 * @throws Failed
 */
export async function firebase(title: string, args: string[], input = ''): Promise<void> {
  console.log(`\n== ${title}: npx firebase ${args.join(' ')}`);
  const cli = join(root, 'node_modules/firebase-tools/lib/bin/firebase.js');
  const { code, output } = await run([cli, ...args], input);
  if (code !== 0) throw new Failed(title, output);
}

/** Runs a script with this Node, in the repository. */
export function run(args: string[], input = ''): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['pipe', 'pipe', 'pipe'] });
    let output = '';
    const shown = [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ] as const;
    for (const [from, to] of shown) {
      from.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        to.write(text);
      });
    }
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? 1, output }));
    child.stdin.end(input);
  });
}
