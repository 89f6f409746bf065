/**
 * `npm run mutate -- [PLACE…] [--seed S] [--sample N]`: breaks the functions' code in one place at a time and
 * sees whether the tests that run this place fail. PLACE is a folder or file below functions/src. Of each
 * folder N places are tried.
 */
import { globSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { seeded } from '../bench/shared/random.ts';
import { type Mutant, mutantsOf } from './mutation/mutants.ts';
import { type Fate, fateOf, measured, type TestFile, testFiles } from './mutation/tests.ts';

const sourceDir = join(import.meta.dirname, '../functions/src');
/** The rooms that decide what is kept; tests that only start whole stacks run the bundle, not these sources. */
const usualPlaces = ['flush', 'staging', 'quota', 'http', 'files'];
const testPatterns = ['test/!(local|system)/**/*.test.ts', 'test/system/versions/*.test.ts'];
const atOnce = 2;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string', default: '1' },
    sample: { type: 'string', default: '40' },
    out: { type: 'string' },
  },
});
const places = positionals.length > 0 ? positionals : usualPlaces;
const random = seeded(Number(values.seed));

interface Trial {
  readonly place: string;
  readonly file: string;
  readonly source: string;
  readonly mutant: Mutant;
}

const trials = places.flatMap((place) => sampled(trialsIn(place), Number(values.sample)));
console.log(`${trials.length} places; measuring the tests …`);
const paths = testPatterns.flatMap(testFiles);
const found = await inTurn(paths, measured);
const tests = found.filter((file) => file !== undefined);
for (const [index, path] of paths.entries())
  if (found[index] === undefined)
    console.log(`does not pass, and is left out: ${relative(process.cwd(), path)}`);
const fates = await inTurn(trials, (trial) => tried(trial, tests));
for (const place of places) console.log(summary(place, fates));
if (values.out !== undefined) writeFileSync(values.out, fates.map(line).join('\n'));

function trialsIn(place: string): Trial[] {
  const path = join(sourceDir, place);
  const files = statSync(path).isDirectory()
    ? globSync('**/*.ts', { cwd: path }).map((name) => join(path, name))
    : [path];
  return files.sort().flatMap((file) => {
    const source = readFileSync(file, 'utf8');
    return mutantsOf(source).map((mutant) => ({ place, file, source, mutant }));
  });
}

function sampled(all: Trial[], count: number): Trial[] {
  return all
    .map((trial) => ({ trial, rank: random() }))
    .sort((a, b) => a.rank - b.rank)
    .slice(0, count)
    .map(({ trial }) => trial);
}

type Outcome = Trial & { fate: Fate };

async function tried(trial: Trial, files: readonly TestFile[]): Promise<Outcome> {
  const fate = await fateOf(pathToFileURL(trial.file).href, trial.mutant, files);
  const outcome = { ...trial, fate };
  if (fate !== 'killed') console.log(line(outcome));
  return outcome;
}

function line({ file, source, mutant, fate }: Outcome): string {
  const number = source.slice(0, mutant.start).split('\n').length;
  const old = source.slice(mutant.start, mutant.end).replace(/\s+/g, ' ');
  return `${fate}: ${relative(sourceDir, file)}:${number} ${mutant.kind}: ${old.slice(0, 90)} → ${mutant.text}`;
}

function summary(place: string, outcomes: readonly Outcome[]): string {
  const count = (fate: Fate) => outcomes.filter((each) => each.place === place && each.fate === fate).length;
  const fates: Fate[] = ['killed', 'timed out', 'survived', 'not run'];
  return `${place}: ${fates.map((fate) => `${count(fate)} ${fate}`).join(', ')}`;
}

/** Works on all, two at a time, in the order that they have. */
async function inTurn<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const queue = [...items.entries()];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      results[next[0]] = await work(next[1]);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return results;
}
