import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Firestore } from '@google-cloud/firestore';
import { maxGatherMs } from '../functions/src/flush/limits.ts';
import { type LocalStack, startStack } from '../local/stack.ts';
import { Api } from './shared/api.ts';
import { openDatabase } from './shared/database.ts';
import { seeded } from './shared/random.ts';
import { type BenchReport, printTargets, round } from './shared/report.ts';
import { median, spreadText } from './shared/statistics.ts';

const operations = 10_000;
const documents = 1_000;
const perRequest = 500;
const rounds = 3;

interface Operation {
  type: 'set' | 'update' | 'delete';
  /** Rank of the document: the first is the busiest. */
  rank: number;
  data?: Record<string, unknown>;
}

/** Quota so wide that neither side waits for it: the speed of their work is measured. */
const plenty = Object.fromEntries(
  ['WRITES', 'READS', 'DELETES'].flatMap((kind) => [
    [`QUOTA_${kind}_PER_SECOND`, '100000'],
    [`RATE_${kind}_PER_SECOND`, '100000'],
    [`RATE_${kind}_PER_MINUTE`, '6000000'],
  ]),
);

/** 10,000 operations on 1,000 documents, the n-th of which is n times as rare as the first, flushed and one by one. */
export async function operationsBench(): Promise<BenchReport> {
  const stack = await startStack({ ports: 'free', quiet: true, env: plenty });
  const database = openDatabase(stack);
  try {
    const work = workload();
    const touched = new Set(work.map(({ rank }) => rank)).size;
    const ratios: number[] = [];
    const withWait: number[] = [];
    let writes = 0;
    // Starts the instances; not counted.
    await flush(stack, work, 'warm', touched);
    for (let turn = 0; turn < rounds; turn += 1) {
      const flushed = await flush(stack, work, String(turn), touched);
      await verify(database, work, turn);
      const single = await oneByOne(stack, database, work, turn);
      ratios.push(flushed.perSecond / single.perSecond);
      withWait.push(flushed.withWait / single.perSecond);
      writes = Math.max(writes, flushed.writes);
      console.log(
        `  flush: ${round(flushed.perSecond, 0)} operations/s, ${flushed.writes} writes for ${touched} documents, ` +
          `${flushed.reads} reads; one by one: ${round(single.perSecond, 0)} operations/s, ${single.writes} writes`,
      );
    }
    console.log(
      `  ratio: ${round(median(ratios), 2)} (${spreadText(ratios)}); with the ${maxGatherMs} ms in which the flush ` +
        `waits for more, ${round(median(withWait), 2)} (${spreadText(withWait)})`,
    );
    const saved = 1 - writes / operations;
    return {
      name: 'operations',
      figures: {
        'writes a document': round(writes / touched),
        saved: round(saved),
        ratio: round(median(ratios)),
      },
      missed: printTargets([
        // The ledger's own are among them.
        { name: 'writes a document and flush', value: writes / touched, limit: 1.02 },
        { name: 'share of billed writes saved', value: saved, limit: 0.7, atLeast: true },
        { name: 'throughput, to BulkWriter one by one', value: median(ratios), limit: 2, atLeast: true },
      ]),
    };
  } finally {
    await database.terminate();
    await stack.close();
  }
}

function workload(): Operation[] {
  const weights = Array.from({ length: documents }, (_, index) => 1 / (index + 1));
  const sums = weights.map((_, index) =>
    weights.slice(0, index + 1).reduce((sum, weight) => sum + weight, 0),
  );
  const total = sums.at(-1) ?? 0;
  const random = seeded(9);
  return Array.from({ length: operations }, (_, index): Operation => {
    const draw = random() * total;
    const rank = sums.findIndex((sum) => sum >= draw);
    const kind = random();
    if (kind < 0.02) return { type: 'delete', rank };
    if (kind < 0.15)
      return { type: 'set', rank, data: { owner: `user-${index}`, status: 'new', views: 0, tags: ['a'] } };
    return {
      type: 'update',
      rank,
      data: { status: `s${index % 7}`, views: index, [`field_${index % 5}`]: index },
    };
  });
}

/**
 * Times operations that all wait in the queue, from the first dispatch to the last write, with and
 * without the gathering between.
 */
async function flush(stack: LocalStack, work: readonly Operation[], turn: string, touched: number) {
  const api = new Api(stack);
  stack.killDispatcher();
  for (let start = 0; start < work.length; start += perRequest) {
    const sent = work.slice(start, start + perRequest).map(({ rank, ...rest }) => ({
      ...rest,
      path: `flushed-${turn}/${rank}`,
    }));
    await api.expect('/v1/operations', { body: { operations: sent } });
  }
  await sleep(5_500);
  stack.resetUsage();
  const startedMs = performance.now();
  stack.restartDispatcher();
  while (stack.usage().firestore.writes < touched) {
    if (performance.now() - startedMs > 60_000) throw new Error('The operations are not written after 60 s.');
    await sleep(10);
  }
  const tookMs = performance.now() - startedMs;
  await sleep(1_000);
  const { writes, reads } = stack.usage().firestore;
  const rate = (ms: number): number => (work.length * 1000) / ms;
  return { perSecond: rate(tookMs - maxGatherMs), withWait: rate(tookMs), writes, reads };
}

/** The client library's fastest way, without its start at 500 operations a second. */
async function oneByOne(stack: LocalStack, database: Firestore, work: readonly Operation[], turn: number) {
  const writer = database.bulkWriter({ throttling: false });
  stack.resetUsage();
  const startedMs = performance.now();
  for (const { type, rank, data = {} } of work) {
    const reference = database.doc(`single-${turn}/${rank}`);
    if (type === 'delete') void writer.delete(reference);
    else void writer.set(reference, data, { merge: type === 'update' });
  }
  await writer.close();
  const perSecond = work.length / ((performance.now() - startedMs) / 1000);
  const { writes, deletes } = stack.usage().firestore;
  return { perSecond, writes: writes + deletes };
}

/** Throws unless the documents are what the operations mean one after the other. */
async function verify(database: Firestore, work: readonly Operation[], turn: number): Promise<void> {
  const expected = new Map<string, Record<string, unknown>>();
  for (const { type, rank, data = {} } of work) {
    const id = String(rank);
    if (type === 'delete') expected.delete(id);
    else expected.set(id, type === 'set' ? { ...data } : { ...expected.get(id), ...data });
  }
  const found = await database.collection(`flushed-${turn}`).get();
  const actual = found.docs.map((each) => {
    const { _sluice: _, ...fields } = each.data();
    return [each.id, fields] as const;
  });
  assert.deepEqual(new Map(actual), expected);
}
