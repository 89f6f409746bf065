/**
 * A process that calls `flush` and `sweep` through firebase-functions-test, in the environment of a deployed
 * function: `node wrapped.ts FUNCTIONS_DIR DATA`. Prints, of `flush` with DATA (JSON), how it ended.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { CloudEvent, CloudFunction } from 'firebase-functions/v2';
import type { ScheduleFunction } from 'firebase-functions/v2/scheduler';
import firebaseFunctionsTest from 'firebase-functions-test';

const [functionsDir = '', data = ''] = process.argv.slice(2);
// `wrap` knows task queue functions when it runs, but its types do not.
const exported: { flush: CloudFunction<CloudEvent<unknown>>; sweep: ScheduleFunction } = await import(
  pathToFileURL(join(functionsDir, 'lib/index.js')).href
);
const { wrap, cleanup } = firebaseFunctionsTest(JSON.parse(process.env['FIREBASE_CONFIG'] ?? ''));

const flushed = await ended(async () => {
  const request = { data: JSON.parse(data), id: 'one', queueName: 'flush', headers: {} };
  const counts = { retryCount: 0, executionCount: 0, scheduledTime: new Date(0).toISOString() };
  await wrap(exported.flush)({ ...request, ...counts });
});
// `wrap` takes a schedule for one of the first generation; `run` is what it has instead.
const swept = await ended(async () => exported.sweep.run({ scheduleTime: new Date(0).toISOString() }));
cleanup();
process.stdout.write(`\n${JSON.stringify({ flushed, swept })}\n`, () => process.exit());

async function ended(run: () => Promise<unknown>): Promise<string> {
  try {
    await run();
    return 'done';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
