/**
 * A process that calls `flush`, and then ends as an instance does:
 * `node terminated.ts FUNCTIONS_DIR DATA`. Prints `{}`.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { CloudEvent, CloudFunction } from 'firebase-functions/v2';
import firebaseFunctionsTest from 'firebase-functions-test';

const [functionsDir = '', data = ''] = process.argv.slice(2);
// The Functions Framework ends the process like this once its server is closed.
process.on('SIGTERM', () => setImmediate(() => process.exit()));
// As its server would.
setInterval(() => undefined, 1_000);
const exported: { flush: CloudFunction<CloudEvent<unknown>> } = await import(
  pathToFileURL(join(functionsDir, 'lib/index.js')).href
);
const { wrap } = firebaseFunctionsTest(JSON.parse(process.env['FIREBASE_CONFIG'] ?? ''));
const request = { data: JSON.parse(data), id: 'one', queueName: 'flush', headers: {} };
const counts = { retryCount: 0, executionCount: 0, scheduledTime: new Date(0).toISOString() };
await wrap(exported.flush)({ ...request, ...counts });
process.stdout.write('{}\n', () => process.kill(process.pid, 'SIGTERM'));
