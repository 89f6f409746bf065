/** `npm run bench [-- name …]`: what Sluice costs and how fast it is, against the plain way. */
import type { BenchReport } from './shared/report.ts';

const benchmarks: Record<string, () => Promise<BenchReport>> = {
  ingest: async () => (await import('./ingest.ts')).ingest(),
  drain: async () => (await import('./drain.ts')).drain(),
  operations: async () => (await import('./operations.ts')).operationsBench(),
  files: async () => (await import('./files.ts')).files(),
  coldstart: async () => (await import('./coldstart.ts')).coldstart(),
  visibility: async () => (await import('./visibility.ts')).visibility(),
  local: async () => (await import('./local.ts')).local(),
  quota: async () => (await import('./quota.ts')).quotaBench(),
  month: async () => (await import('./month.ts')).month(),
  picture: async () => (await import('./picture.ts')).picture(),
  firestore: async () => (await import('./firestore.ts')).firestore(),
  mixed: async () => (await import('./firestore.ts')).mixed(),
  apart: async () => (await import('./firestore.ts')).apart(),
  trace: async () => (await import('./trace.ts')).trace(),
  slice: async () => (await import('./trace.ts')).slice(),
  minute: async () => (await import('./minute.ts')).minute(),
  polls: async () => (await import('./polls.ts')).polls(),
  burst: async () => (await import('./burst.ts')).burst(),
  clients: async () => (await import('./clients.ts')).clients(),
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !Object.hasOwn(benchmarks, name));
if (unknown.length > 0) {
  console.error(
    `There is no benchmark ${unknown.join(', ')}; there are ${Object.keys(benchmarks).join(', ')}.`,
  );
  process.exitCode = 1;
} else {
  const missed: string[] = [];
  for (const [name, run] of Object.entries(benchmarks)) {
    if (asked.length > 0 && !asked.includes(name)) continue;
    const startedMs = performance.now();
    console.log(`\n── ${name} ──`);
    const report = await run();
    missed.push(...report.missed.map((line) => `${name}: ${line}`));
    console.log(`  (${Math.round((performance.now() - startedMs) / 1000)} s)`);
  }
  console.log(missed.length === 0 ? '\nEvery target is met.' : `\nMissed:\n  ${missed.join('\n  ')}`);
  process.exitCode = missed.length === 0 ? 0 : 1;
}
