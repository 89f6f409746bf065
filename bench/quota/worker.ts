/**
 * One writer in a process of its own, which wants more than it may. Arguments: the way that it keeps to the limit, the
 * limit in writes a second of all writers together, when to begin, in milliseconds since the epoch, and for how long,
 * in seconds. Firestore is at FIRESTORE_EMULATOR_HOST.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { Firestore, Timestamp } from '@google-cloud/firestore';
import { Bucket } from '../../functions/src/platform/bucket.ts';
import { systemClock } from '../../functions/src/platform/clock.ts';
import { firestoreDocuments } from '../../functions/src/platform/firestore.ts';
import { randomIds } from '../../functions/src/platform/ids.ts';
import { jsonLogger } from '../../functions/src/platform/logger.ts';
import { QuotaDays } from '../../functions/src/quota/day.ts';
import { LeaseHolder } from '../../functions/src/quota/holder.ts';
import { Ledger } from '../../functions/src/quota/ledgerDocument.ts';
import { burstMs } from '../../functions/src/quota/limits.ts';
import { OperationMeter } from '../../functions/src/quota/meter.ts';
import { Throttle } from '../../functions/src/quota/throttle.ts';

/** Waits until some writes may be done, at most `wanted`, and says how many. */
type Gate = (wanted: number) => Promise<number>;

const commitsInFlight = 4;
const perCommit = 50;

const [way = '', limitText, startText, secondsText] = process.argv.slice(2);
const limit = Number(limitText);
const startMs = Number(startText);
const endMs = startMs + Number(secondsText) * 1000;
const database = new Firestore({ projectId: 'demo-sluice' });

const ways: Record<string, () => Gate> = { leases, counter, alone };
const gate = ways[way]?.();
if (gate === undefined) throw new Error(`There is no way ${way}.`);
await sleep(Math.max(0, startMs - Date.now()));
let written = 0;
await Promise.all(Array.from({ length: commitsInFlight }, () => write(gate)));
process.send?.(written, () => process.exit());

async function write(mayWrite: Gate): Promise<void> {
  while (Date.now() < endMs) {
    const count = await mayWrite(perCommit);
    const batch = database.batch();
    for (let index = 0; index < count; index += 1) batch.set(database.collection('work').doc(), { index });
    if (count === 0 || Date.now() >= endMs) continue;
    await batch.commit();
    written += count;
  }
}

/** Leases from the ledger, as Sluice's functions take them. */
function leases(): Gate {
  const clock = systemClock;
  const logger = jsonLogger(() => undefined);
  const meter = new OperationMeter();
  const throttle = new Throttle({ logger, tickMs: 5_000, warn: () => undefined });
  const rates = { writes: limit, reads: 10 * limit, deletes: limit };
  const perMinute = { writes: 60 * limit, reads: 600 * limit, deletes: 60 * limit };
  const daily = { writes: 0, reads: 0, deletes: 0 };
  const ledger = new Ledger({
    documents: firestoreDocuments({ clock, limitMs: 15_000 }),
    clock,
    days: new QuotaDays('America/Los_Angeles'),
    limits: { rates, perMinute, daily },
    random: Math.random,
  });
  const options = { ledger, meter, throttle, clock, logger, ids: randomIds, random: Math.random };
  const holder = new LeaseHolder({ ...options, kind: 'worker' });
  return async (wanted) => {
    const size = await holder.commitSize(wanted);
    const count = typeof size === 'number' ? Math.min(wanted, size) : 1;
    const decision = await holder.acquire('writes', count, 5_000);
    if (decision.isGranted) return count;
    await sleep(Math.max(1, decision.retryAtMs - Date.now()));
    return 0;
  };
}

/** A transaction an operation, on one document that counts the operations of the second. */
function counter(): Gate {
  const document = database.doc('counters/writes');
  return async () => {
    const isFree = await database
      .runTransaction(async (transaction) => {
        const second = Math.floor(Timestamp.now().toMillis() / 1000);
        const found = (await transaction.get(document)).data();
        const count = found?.['second'] === second ? Number(found['count']) : 0;
        if (count >= limit) return false;
        transaction.set(document, { second, count: count + 1 });
        return true;
      })
      .catch(() => false);
    if (!isFree) await sleep(100);
    return isFree ? 1 : 0;
  };
}

/** Each process keeps to the whole limit and knows of no other, as the system that Sluice replaces did. */
function alone(): Gate {
  const bucket = new Bucket(burstMs);
  bucket.setRate(limit, Date.now());
  return async (wanted) => {
    for (;;) {
      const waitMs = bucket.take(wanted, Date.now());
      if (waitMs === 0) return wanted;
      await sleep(waitMs);
    }
  };
}
