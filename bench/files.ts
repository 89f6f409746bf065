import { readFileSync } from 'node:fs';
import { type LocalStack, startStack } from '../local/stack.ts';
import { bestThreshold, costOfMix, mixOfSizes } from './files/mix.ts';
import { type BenchReport, printTargets, round } from './shared/report.ts';
import { dollars, printTable } from './shared/table.ts';

const mib = 1024 * 1024;
const bodies = 20;
const bodyBytes = 30 * mib;
const directBytes = 100 * mib;
const defaultThreshold = 32 * 1024;

/**
 * Memory of an instance that takes large bodies, what passes a function in a direct upload, and
 * what a mix of files costs.
 */
export async function files(): Promise<BenchReport> {
  // Room for all bodies of the first measurement at once.
  const stack = await startStack({ ports: 'free', quiet: true, env: { FILES_MAX_INSTANCES: '3' } });
  try {
    await upload(stack, Buffer.alloc(1_000, 1));
    const memory = await memoryOfBodies(stack);
    const passed = await bytesPassed(stack);
    const measured = await storeMix(stack);
    const figures = { ...memory, ...measured, ...costs() };
    const missed = printTargets([
      {
        name: 'peak memory of an instance beside 1.3 × bodies in flight, MB',
        value: memory.beside_mb,
        limit: 150,
      },
      {
        name: `of ${directBytes / mib} MiB uploaded directly, MiB through functions`,
        value: passed,
        limit: 0.1,
      },
      {
        name: 'writes for each file of the mix, those of the quota included',
        value: measured.writes_per_file,
        limit: 1.02,
      },
    ]);
    return { name: 'files', figures: { ...figures, direct_mib_through_functions: passed }, missed };
  } finally {
    await stack.close();
  }
}

async function upload(stack: LocalStack, body: Buffer<ArrayBuffer>, type = 'audio'): Promise<void> {
  const answer = await fetch(`${stack.urls.functions}/sluice-files/v1/files`, {
    method: 'POST',
    headers: {
      'x-api-key': stack.keys['ingest'] ?? '',
      'content-type': 'application/octet-stream',
      'x-file-type': type,
    },
    body,
  });
  if (answer.status !== 201)
    throw new Error(`An upload was answered ${answer.status}: ${await answer.text()}`);
  await answer.arrayBuffer();
}

/** Twenty bodies arrive at once; each instance's peak is set against the most bodies that it held. */
async function memoryOfBodies(stack: LocalStack) {
  const body = Buffer.alloc(bodyBytes, 7);
  const mostOpen = new Map<number, number>();
  const look = (): void => {
    for (const { function: name, pid, open_requests: open } of stack.instances()) {
      if (name === 'files' && pid !== undefined) mostOpen.set(pid, Math.max(open, mostOpen.get(pid) ?? 0));
    }
  };
  const watch = setInterval(look, 5);
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: bodies }, () => upload(stack, body)));
  const seconds = (performance.now() - startedMs) / 1000;
  clearInterval(watch);
  const peaks = [...mostOpen].map(([pid, open]) => ({ open, mb: peakBytes(pid) / 1e6 }));
  for (const { open, mb } of peaks)
    console.log(`  an instance with up to ${open} bodies: peak ${round(mb, 0)} MB`);
  console.log(`  ${bodies} × ${bodyBytes / mib} MiB in ${round(seconds, 1)} s, all in one machine’s memory`);
  const beside = peaks.map(({ open, mb }) => mb - (1.3 * open * bodyBytes) / 1e6);
  return { peak_mb: Math.max(...peaks.map(({ mb }) => mb)), beside_mb: Math.max(...beside), seconds };
}

/** The most memory a process had (Linux). */
function peakBytes(pid: number): number {
  const [, kib = '0'] = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) * 1024;
}

/** MiB that all instances read, from sockets above all, while a file goes straight to the bucket. */
async function bytesPassed(stack: LocalStack): Promise<number> {
  const read = (): number =>
    stack.instances().reduce((sum, { pid }) => {
      const [, bytes = '0'] = /^rchar: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8')) ?? [];
      return sum + Number(bytes);
    }, 0);
  const asked = await fetch(`${stack.urls.functions}/sluice-files/v1/files`, {
    method: 'POST',
    headers: { 'x-api-key': stack.keys['ingest'] ?? '', 'content-type': 'application/json' },
    body: JSON.stringify({
      file_name: 'film.mp4',
      content_type: 'video/mp4',
      size: directBytes,
      file_type: 'video',
    }),
  });
  const { upload: ticket } = (await asked.json()) as { upload: { url: string } };
  // Whatever an instance reads at its start has been read by now.
  await stack.advance(120_000);
  const before = read();
  const put = await fetch(ticket.url, { method: 'PUT', body: Buffer.alloc(directBytes, 3) });
  if (put.status !== 200) throw new Error(`The direct upload was answered ${put.status}.`);
  await stack.advance(2_000);
  return (read() - before) / mib;
}

/** Stores the files of the mix up to 1 MB, and counts what that is billed. */
async function storeMix(stack: LocalStack) {
  const sizes = mixOfSizes().filter((size) => size <= 1_000_000);
  await stack.advance(120_000);
  stack.resetUsage();
  const waiting = sizes.toSorted((a, b) => (a % 97) - (b % 97));
  const worker = async (): Promise<void> => {
    for (let size = waiting.pop(); size !== undefined; size = waiting.pop())
      await upload(stack, Buffer.alloc(size, 5));
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  await stack.advance(120_000);
  const { firestore, storage } = stack.usage();
  const objects = sizes.filter((size) => size > defaultThreshold).length;
  console.log(
    `  ${sizes.length} files to 1 MB, ${objects} of them objects: ` +
      `${firestore.writes} writes, ${firestore.reads} reads, ${storage.class_a} class A operations`,
  );
  return { writes_per_file: firestore.writes / sizes.length, class_a_per_object: storage.class_a / objects };
}

/** The whole mix by list prices, at several thresholds. */
function costs(): Record<string, number> {
  const sizes = mixOfSizes();
  const [monthBest, yearBest] = [bestThreshold(sizes, 1), bestThreshold(sizes, 12)];
  const ways: [name: string, threshold: number][] = [
    ['all in Firestore where it fits', 1_000_000],
    ['the default, 32 KiB', defaultThreshold],
    [`cost-best for a month, ${round(monthBest / 1024, 1)} KiB`, monthBest],
    [`cost-best for a year, ${round(yearBest / 1024, 1)} KiB`, yearBest],
    ['all in Cloud Storage', 0],
  ];
  const rows = ways.map(([name, threshold]) => {
    const { firestoreBytes, onceDollars, monthDollars } = costOfMix(sizes, threshold);
    const cells = [onceDollars, monthDollars, onceDollars + monthDollars, onceDollars + 12 * monthDollars];
    return [name, round(firestoreBytes / 1e6, 1), ...cells.map((amount) => dollars(amount))];
  });
  console.log('  the whole mix of 1,000 files, by list prices:');
  printTable(['in Firestore up to', 'MB there', 'once', 'a month', '1 month', '12 months'], rows);
  return {
    best_threshold_month_bytes: monthBest,
    best_threshold_year_bytes: yearBest,
    default_month_dollars: costOfMix(sizes, defaultThreshold).monthDollars,
    all_firestore_month_dollars: costOfMix(sizes, 1_000_000).monthDollars,
    default_firestore_mb: costOfMix(sizes, defaultThreshold).firestoreBytes / 1e6,
  };
}
