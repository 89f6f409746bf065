import { join } from 'node:path';
import { ClockControl } from '../../local/control/advance.ts';
import { discoverFunctions } from '../../local/functions/discovery.ts';
import { type LocalFunctions, startFunctions } from '../../local/functions/index.ts';
import { type FunctionSpec, resolveFunctions, resolveParams } from '../../local/functions/manifest.ts';
import { OffsetClock } from '../../local/shared/clock.ts';
import { Faults } from '../../local/shared/faults.ts';
import type { LogEntry } from '../../local/shared/log.ts';

export const fixtureDir = join(import.meta.dirname, 'fixture');

/** Options of a stack that runs the fixture's functions. */
export const fixtureStack = {
  functionsDir: fixtureDir,
  firebaseJson: join(fixtureDir, 'firebase.json'),
  secrets: { FIXTURE_SECRET: 'given' },
};

export interface FixtureFunctions {
  clock: OffsetClock;
  faults: Faults;
  functions: LocalFunctions;
  specs: FunctionSpec[];
  log: [source: string, entry: LogEntry][];
  /** The address of a function. */
  url(path: string): string;
  /** Moves the clock of the manager and of all instances, from due moment to due moment. */
  advance(ms: number): Promise<number>;
}

/** The fixture's functions alone, without simulators around them. */
export async function startFixtureFunctions(
  change: (spec: FunctionSpec) => FunctionSpec = (spec) => spec,
): Promise<FixtureFunctions> {
  const manifest = await discoverFunctions({
    functionsDir: fixtureDir,
    projectId: 'demo-fixture',
    storageBucket: 'bucket',
  });
  const params = resolveParams(manifest, {});
  const specs = resolveFunctions(manifest, params, 'us-central1').map(change);
  const clock = new OffsetClock();
  const faults = new Faults(clock);
  const log: [string, LogEntry][] = [];
  const functions = await startFunctions({
    port: 0,
    clock,
    faults,
    projectId: 'demo-fixture',
    region: 'us-central1',
    functionsDir: fixtureDir,
    functions: specs,
    env: (spec) => ({
      ...params,
      PATH: process.env['PATH'] ?? '',
      K_SERVICE: spec.name,
      FUNCTIONS_EMULATOR: 'true',
    }),
    log: (source, entry) => log.push([source, entry]),
  });
  const clockControl = new ClockControl({
    clock,
    functions,
    externalWork: () => ({ dispatches: 0, calls: 0 }),
    heldCalls: () => 0,
    fingerprint: () => '',
  });
  return {
    clock,
    faults,
    functions,
    specs,
    log,
    url: (path) => `http://127.0.0.1:${functions.port}/demo-fixture/us-central1/${path}`,
    advance: (ms) => clockControl.advance(ms),
  };
}

/** Looks again until it is so: for what another process does in its own time. The test's timeout is the limit. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** True where a process exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
