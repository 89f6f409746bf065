/** `npm run demo`: a stack of its own, 20 tasks with their responses through HTTP, and a picture of it. */
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runDemo } from '../bench/demo.ts';
import { demoPicture, pictureLines } from '../bench/demoPicture.ts';
import { dollars, printTable } from '../bench/shared/table.ts';
import { startStack } from '../local/stack.ts';

try {
  process.exitCode = (await demo()) ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

async function demo(): Promise<boolean> {
  console.log('Starting a local stack of its own …');
  const stack = await startStack({ ports: 'free', quiet: true });
  try {
    const report = await runDemo(stack, { inRealTime: true, onStep: console.log });
    const { parts, usage, plain, perMillion } = report;
    console.log('\nBilled');
    printTable(
      ['', 'writes', 'reads', 'Cloud Tasks', 'Firestore, per million responses', 'Cloud Tasks'],
      [
        [
          'Sluice',
          usage.firestore.writes,
          usage.firestore.reads,
          usage.tasks.operations,
          dollars(perMillion.sluice.firestore),
          dollars(perMillion.sluice.tasks),
        ],
        [
          'the plain way',
          plain.firestore.writes,
          plain.firestore.reads,
          0,
          dollars(perMillion.plain.firestore),
          dollars(0),
        ],
      ],
    );
    console.log(
      '\n  List prices, nothing free; npm run bench -- trace counts requests and instance time as well.\n',
    );
    for (const { name, fault, detail } of parts) {
      console.log(`${fault === undefined ? 'PASS' : 'FAIL'}  ${name.padEnd(14)} ${fault ?? detail}`);
    }
    const file = join(tmpdir(), 'sluice-demo.svg');
    writeFileSync(file, demoPicture(report));
    console.log(`\n${pictureLines(report).join('\n')}\n\nAs a picture: ${file}`);
    return parts.every(({ fault }) => fault === undefined);
  } finally {
    await stack.close();
  }
}
