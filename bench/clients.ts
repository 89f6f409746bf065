import { type LocalStack, startStack } from '../local/stack.ts';
import { replayByClient } from './clients/clientReplay.ts';
import { inDirectory, pathOf, run, runProgram } from './clients/python.ts';
import { perMillion, printBills } from './shared/bills.ts';
import { type BenchReport, printTargets, round, type Target } from './shared/report.ts';
import { median, quantile, spreadText } from './shared/statistics.ts';
import { replayRun } from './shared/traceRun.ts';
import { readWorkload } from './shared/workload.ts';

interface Part {
  figures: Record<string, number>;
  targets: Target[];
}

const outboxSeconds = 8;
const sentResponses = 60_000;
const waitingCounts = [100_000, 500_000, 1_000_000];
const importTurns = 30;
const lingersMs = [2_000, 5_000];
/** A port of this machine at which nobody answers. */
const unreachable = 'http://127.0.0.1:9';

const parts: Record<string, () => Promise<Part>> = { imports, outbox, sender, memory, bills };

/** The Python client: its outbox, its sender, what it takes in memory and to be loaded, and the bill through it. */
export async function clients(): Promise<BenchReport> {
  const figures: Record<string, number> = {};
  const targets: Target[] = [];
  for (const part of Object.values(parts)) {
    const found = await part();
    Object.assign(figures, found.figures);
    targets.push(...found.targets);
  }
  return { name: 'clients', figures, missed: printTargets(targets) };
}

/** Durable calls from 64 asyncio tasks, while nobody answers and while the stack takes what is sent. */
async function outbox(): Promise<Part> {
  const alone = await outboxCalls(unreachable, 'a-key');
  const beside = await withStack(({ url, key }) => outboxCalls(url, key));
  for (const [name, calls] of Object.entries({ 'Sluice out of reach': alone, 'Sluice takes them': beside })) {
    console.log(
      `  outbox, ${name}: ${round(calls.perSecond, 0)} calls/s, p50 ${round(calls.p50, 1)} ms, ` +
        `p99 ${round(calls.p99, 1)} ms; a wait for the disk ${round(calls.diskMs, 2)} ms`,
    );
  }
  return {
    figures: {
      'outbox: calls/s': round(alone.perSecond, 0),
      'outbox beside sending: calls/s': round(beside.perSecond, 0),
    },
    targets: [
      { name: 'outbox: durable calls/s', value: alone.perSecond, limit: 5_000, atLeast: true },
      { name: 'outbox: p99, ms', value: alone.p99, limit: 20 },
    ],
  };
}

interface Calls {
  perSecond: number;
  p50: number;
  p99: number;
  diskMs: number;
}

async function outboxCalls(url: string, key: string): Promise<Calls> {
  const found = (await runProgram('outbox.py', url, key, outboxSeconds)) as {
    calls_ms: number[];
    seconds: number;
    disk_ms: number[];
  };
  return {
    perSecond: found.calls_ms.length / found.seconds,
    p50: median(found.calls_ms),
    p99: quantile(found.calls_ms, 0.99),
    diskMs: median(found.disk_ms),
  };
}

/** Responses a second from a full outbox to the local stack. */
async function sender(): Promise<Part> {
  const found = (await withStack(({ url, key }) => runProgram('sender.py', url, key, sentResponses))) as {
    seconds: number;
    is_sent: boolean;
    refused: number;
    sent: number;
  };
  if (!found.is_sent || found.refused > 0) throw new Error(`Not all arrived: ${JSON.stringify(found)}`);
  const perSecond = found.sent / found.seconds;
  console.log(`  sender: ${found.sent} responses in ${round(found.seconds, 1)} s, ${round(perSecond, 0)}/s`);
  return {
    figures: { 'sender: responses/s': round(perSecond, 0) },
    targets: [{ name: 'sender: responses/s', value: perSecond, limit: 3_000, atLeast: true }],
  };
}

/** Resident memory as events that wait become a million. */
async function memory(): Promise<Part> {
  const found = (await runProgram('memory.py', ...waitingCounts)) as {
    waiting: number;
    resident_mib: number;
    file_mib: number;
  }[];
  for (const { waiting, resident_mib, file_mib } of found) {
    console.log(`  memory: ${waiting} wait: ${round(resident_mib, 1)} MiB, file ${round(file_mib, 0)} MiB`);
  }
  const [first, last] = [found[0]?.resident_mib ?? 0, found.at(-1)?.resident_mib ?? 0];
  return {
    figures: { 'memory at a million, MiB': round(last, 1) },
    targets: [{ name: 'memory at a million, times that at 100,000', value: last / first, limit: 1.1 }],
  };
}

/** CPU time to load the client, and the modules of the standard library that it loads, in turns. */
async function imports(): Promise<Part> {
  const [client, standard] = await inDirectory(async (cache) => {
    const modules = (await run([pathOf('imports.py')], cache)) as string[];
    const [ofClient, ofStandard]: [number[], number[]] = [[], []];
    for (let turn = 0; turn < importTurns; turn += 1) {
      ofClient.push(await importMs('sluice', cache));
      ofStandard.push(await importMs(modules.join(', '), cache));
    }
    return [ofClient, ofStandard];
  });
  const ratio = median(client) / median(standard);
  console.log(
    `  import: ${round(median(client), 1)} ms of CPU (${spreadText(client, 1)}), ` +
      `of its standard modules ${round(median(standard), 1)} ms (${spreadText(standard, 1)})`,
  );
  return {
    figures: { 'import, times its standard modules': round(ratio, 2) },
    targets: [{ name: 'import, times its standard modules', value: ratio, limit: 1.2 }],
  };
}

async function importMs(modules: string, cache: string): Promise<number> {
  const cpu = 'time.process_time()';
  const program = `import time; before = ${cpu}; import ${modules}; print((${cpu} - before) * 1000)`;
  return Number(await run(['-c', program], cache));
}

/** The shared trace through the client, in simulated time. */
async function bills(): Promise<Part> {
  const events = readWorkload('trace');
  const runs = await Promise.all(
    lingersMs.map((lingerMs) => {
      const name = `Python client, linger ${lingerMs / 1000} s`;
      const send = (stack: LocalStack): Promise<void> => replayByClient(stack, events, lingerMs);
      return replayRun({ name, events, visibility: 'default', send });
    }),
  );
  const billed = runs.map((each) => ({ ...each, usage: each.flushed }));
  printBills(billed);
  const figures: Record<string, number> = {};
  const targets = billed.flatMap((bill): Target[] => {
    const { total, logging } = perMillion(bill);
    figures[`${bill.name}: dollars`] = round(total);
    for (const wrong of bill.wrongTasks.slice(0, 5)) console.log(`  ${bill.name}: ${wrong}`);
    return [
      { name: `${bill.name}: dollars without logs`, value: total - logging, limit: 1.7 },
      { name: `${bill.name}: wrong tasks`, value: bill.wrongTasks.length, limit: 0 },
    ];
  });
  return { figures, targets };
}

async function withStack<Result>(
  work: (at: { url: string; key: string }) => Promise<Result>,
): Promise<Result> {
  const stack = await startStack({ ports: 'free', quiet: true });
  try {
    return await work({ url: stack.urls.hosting, key: stack.keys['proxy'] ?? '' });
  } finally {
    await stack.close();
  }
}
