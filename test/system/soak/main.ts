/**
 * `npm run soak -- --minutes N --seed S`: traffic against the whole stack under every fault, checked against a model.
 */
import { parseArgs } from 'node:util';
import { Firestore } from '@google-cloud/firestore';
import { residentMib } from '../../../bench/shared/memory.ts';
import type { LogEntry } from '../../../local/shared/log.ts';
import { type LocalStack, startStack } from '../../../local/stack.ts';
import { type EpisodeResult, runEpisode } from './episode.ts';
import { shrink } from './shrink.ts';
import { drawEpisode, type Episode } from './story.ts';

// Off the cloud, the client would look for a metadata server.
process.env['METADATA_SERVER_DETECTION'] ??= 'none';

const taskTimeoutMs = 600_000;
/** Episodes that share a stack: instances, memory and caches live on. */
const episodesPerStack = 25;
const shownLogEntries = 40;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '2' },
    seed: { type: 'string', default: '1' },
    /** The number of the first episode. */
    from: { type: 'string', default: '0' },
    /** The factor by which more blows than usual befall an episode. */
    blows: { type: 'string', default: '1' },
    'shrink-minutes': { type: 'string', default: '5' },
  },
});
const endMs = performance.now() + Number(values.minutes) * 60_000;
const seed = Number(values.seed);
const blows = Number(values.blows);

interface World {
  stack: LocalStack;
  db: Firestore;
  log: [source: string, entry: LogEntry][];
}

async function openWorld(): Promise<World> {
  const log: World['log'] = [];
  const env = { TASK_TIMEOUT_SECONDS: String(taskTimeoutMs / 1000), LOG_LEVEL: 'WARNING' };
  const stack = await startStack({
    ports: 'free',
    env,
    log: (source, entry) => {
      log.push([source, entry]);
      if (log.length > 2 * shownLogEntries) log.splice(0, shownLogEntries);
    },
  });
  const db = new Firestore({
    projectId: stack.clientEnv['GCLOUD_PROJECT'] ?? '',
    host: `127.0.0.1:${stack.ports.firestore}`,
    ssl: false,
  });
  return { stack, db, log };
}

async function closeWorld({ stack, db }: World): Promise<void> {
  await db.terminate();
  await stack.close();
}

/** Plays a part of an episode on a stack of its own. */
async function failsAlone(episode: Episode): Promise<boolean> {
  const world = await openWorld();
  try {
    return (await runEpisode(episode, { ...world, taskTimeoutMs })).faults.length > 0;
  } finally {
    await closeWorld(world);
  }
}

async function explain(episode: Episode, { faults }: EpisodeResult, { log }: World): Promise<void> {
  console.log(`\nFAILED: episode ${episode.name}`);
  for (const fault of faults.slice(0, 20)) console.log(`  ${fault}`);
  console.log('\nThe last warnings and errors:');
  for (const [source, entry] of log.slice(-shownLogEntries))
    console.log(`  ${source} ${JSON.stringify(entry).slice(0, 300)}`);
  const shrinkEndMs = performance.now() + Number(values['shrink-minutes']) * 60_000;
  const isOver = (): boolean => performance.now() > shrinkEndMs;
  const fails = (actions: readonly Episode['actions'][number][]): Promise<boolean> =>
    failsAlone({ ...episode, actions: [...actions] });
  const doesFailAlone = !isOver() && (await fails(episode.actions));
  const story = doesFailAlone ? await shrink(episode.actions, fails, isOver) : episode.actions;
  console.log(
    doesFailAlone
      ? '\nA small story that fails:'
      : '\nIt did not fail again on a stack of its own; its story:',
  );
  for (const action of story) console.log(`  ${JSON.stringify(action)}`);
  console.log(
    `\nAgain: npm run soak -- --seed ${seed} --blows ${blows} --from ${episode.name.split('e')[1]}`,
  );
}

/** Resident memory of a function's instances, in MiB. */
function memoryMib(stack: LocalStack, name: string): number {
  const pids = stack.instances().flatMap((each) => (each.function === name && each.pid ? [each.pid] : []));
  return Math.round(pids.reduce((sum, pid) => sum + residentMib(pid), 0));
}

let number = Number(values.from);
const sums = { episodes: 0, calls: 0, kept: 0, kills: 0, faults_hit: 0, slowest_ms: 0 };
const memory: number[] = [];
let world: World | undefined;
try {
  while (performance.now() < endMs && process.exitCode === undefined) {
    world ??= await openWorld();
    const episode = drawEpisode(seed, number, blows);
    const result = await runEpisode(episode, { ...world, taskTimeoutMs });
    sums.episodes += 1;
    sums.calls += result.calls;
    sums.kept += result.kept;
    sums.kills += result.kills;
    sums.slowest_ms = Math.max(sums.slowest_ms, result.slowestMs);
    memory.push(memoryMib(world.stack, 'flush'));
    const isFailed = result.faults.length > 0;
    if (isFailed) process.exitCode = 1;
    number += 1;
    if (!isFailed && sums.episodes % episodesPerStack > 0 && performance.now() < endMs) continue;
    sums.faults_hit += world.stack.faultHits();
    const ended = world;
    world = undefined;
    await closeWorld(ended);
    if (isFailed) await explain(episode, result, ended);
    console.log(JSON.stringify({ ...sums, flush_mib: memory.splice(0) }));
  }
} finally {
  if (world !== undefined) await closeWorld(world);
}
console.log(process.exitCode === undefined ? 'Every promise held.' : 'A promise was broken.');
