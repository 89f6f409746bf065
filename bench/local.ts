import type { CollectionReference, Firestore } from '@google-cloud/firestore';
import { plainDocument, taskDocument } from './local/documents.ts';
import { type FirestoreService, stackStartMs, startService } from './local/service.ts';
import { residentMib } from './shared/memory.ts';
import { type BenchReport, printTargets } from './shared/report.ts';
import { median, spreadText } from './shared/statistics.ts';
import { printTable } from './shared/table.ts';

const perCommit = 400;
const commits = 25;
const commitsInFlight = 4;
const singles = 3_000;
const singlesInFlight = 256;
const rounds = 3;

const storedForMemory = 100_000;
const maxResidentMb = 450;
const storedForQueries = 200_000;
const queriesMeasured = 200;
const maxTimesAGet = 10;
const maxStartSeconds = 3;

type DocumentOf = (i: number) => object;
type Write = (db: Firestore, docs: CollectionReference, documentOf: DocumentOf) => Promise<void>;

/** The local stack through the official client: how fast Firestore is, what it takes, and how soon all is ready. */
export async function local(): Promise<BenchReport> {
  const starts: number[] = [];
  for (let turn = 0; turn < rounds; turn += 1) starts.push((await stackStartMs()) / 1000);
  const rates = await withService(writeRates);
  const memory = await withService(async ({ db, pid }) => {
    await fill(db, storedForMemory);
    // In megabytes of 10⁶, as the target is.
    return residentMib(pid) * 1.048_576;
  });
  const { getMs, queryMs } = await withService(({ db }) => queryTimes(db));
  console.log(`  start of the stack ${median(starts).toFixed(2)} s (${spreadText(starts)})`);
  console.log(`  ${storedForMemory} documents of 1 KB: ${Math.round(memory)} MB resident`);
  console.log(
    `  get ${getMs.toFixed(2)} ms, the first 50 of a range over ${storedForQueries} ${queryMs.toFixed(2)} ms`,
  );
  const missed = printTargets([
    { name: 'start of the stack, s', value: median(starts), limit: maxStartSeconds },
    { name: 'resident memory, MB', value: memory, limit: maxResidentMb },
    { name: 'range query, times a get', value: queryMs / getMs, limit: maxTimesAGet },
  ]);
  const figures = {
    ...rates,
    'start of the stack, s': median(starts),
    'resident memory, MB': memory,
    'get, ms': getMs,
    'range query, ms': queryMs,
  };
  return { name: 'local', figures, missed };
}

async function withService<T>(work: (service: FirestoreService) => Promise<T>): Promise<T> {
  const service = await startService();
  try {
    return await work(service);
  } finally {
    await service.close();
  }
}

/** Runs `count` jobs, so many at a time. */
async function inFlight(limit: number, count: number, job: (i: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await job(next++);
  };
  await Promise.all(Array.from({ length: limit }, worker));
}

const ways: Record<string, { documents: number; write: Write }> = {
  [`transactions of ${perCommit}`]: {
    documents: commits * perCommit,
    write: (db, docs, documentOf) =>
      inFlight(commitsInFlight, commits, (commit) =>
        db.runTransaction(async (tx) => {
          for (let i = 0; i < perCommit; i += 1) tx.set(docs.doc(`t${commit}-${i}`), documentOf(i));
        }),
      ),
  },
  [`batches of ${perCommit}`]: {
    documents: commits * perCommit,
    write: (db, docs, documentOf) =>
      inFlight(commitsInFlight, commits, (commit) => {
        const batch = db.batch();
        for (let i = 0; i < perCommit; i += 1) batch.set(docs.doc(`b${commit}-${i}`), documentOf(i));
        return batch.commit();
      }),
  },
  [`sets, ${singlesInFlight} in flight`]: {
    documents: singles,
    write: (_, docs, documentOf) =>
      inFlight(singlesInFlight, singles, (i) => docs.doc(`s${i}`).set(documentOf(i))),
  },
};

/**
 * Documents a second by shape and way, as the client gets them written; and as the service would write them if it had
 * clients enough to compute all the time: the client's own work is most of it.
 */
async function writeRates({ db, cpuMs }: FirestoreService): Promise<Record<string, number>> {
  const shapes: Record<string, DocumentOf> = { '1 KB': plainDocument, task: taskDocument };
  const figures: Record<string, number> = {};
  const rows: (string | number)[][] = [];
  for (const [shape, documentOf] of Object.entries(shapes)) {
    for (const [way, { documents, write }] of Object.entries(ways)) {
      const seen: number[] = [];
      const computed: number[] = [];
      // The first round warms up both ends.
      for (let turn = 0; turn <= rounds; turn += 1) {
        const [startedMs, before] = [performance.now(), await cpuMs()];
        await write(db, db.collection('tasks'), documentOf);
        if (turn === 0) continue;
        seen.push((documents * 1000) / (performance.now() - startedMs));
        computed.push((documents * 1000) / ((await cpuMs()) - before));
      }
      figures[`${shape}: ${way}, documents/s`] = median(seen);
      figures[`${shape}: ${way}, documents per second of CPU`] = median(computed);
      rows.push([
        `${shape}, ${way}`,
        ...[seen, computed].flatMap((all) => [Math.round(median(all)), spreadText(all, 0)]),
      ]);
    }
  }
  printTable(
    ['through the official client', 'documents/s', 'spread', 'per CPU s of the service', 'spread'],
    rows,
  );
  return figures;
}

async function fill(db: Firestore, count: number): Promise<void> {
  const docs = db.collection('tasks');
  await inFlight(commitsInFlight, count / perCommit, (commit) => {
    const batch = db.batch();
    for (let i = commit * perCommit; i < (commit + 1) * perCommit; i += 1)
      batch.set(docs.doc(`d${i}`), plainDocument(i));
    return batch.commit();
  });
}

async function medianMs(work: (i: number) => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < queriesMeasured; i += 1) {
    const startedMs = performance.now();
    await work(i);
    times.push(performance.now() - startedMs);
  }
  return median(times);
}

/**
 * Gets and range queries in turns of one at a time, at random places. The first query, which
 * makes the index, is left out.
 */
async function queryTimes(db: Firestore): Promise<{ getMs: number; queryMs: number }> {
  await fill(db, storedForQueries);
  const docs = db.collection('tasks');
  const place = (i: number) => (i * 7919) % (storedForQueries - 50);
  const query = (i: number) => docs.where('i', '>=', place(i)).orderBy('i').limit(50).get();
  await query(0);
  const getMs = await medianMs((i) => docs.doc(`d${place(i)}`).get());
  const queryMs = await medianMs(query);
  return { getMs, queryMs };
}
