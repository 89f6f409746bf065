/**
 * One instance of one function: a process of its own that loads the code base and serves a single export over
 * HTTP, as the Functions Framework does on Cloud Run. Arguments: the code base's directory and the export's name.
 */
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type LocalTimer, OffsetClock } from '../shared/clock.ts';
import { createFunctionApp, type FunctionHandler } from './app.ts';
import type { FromInstance, SyncMessage } from './protocol.ts';

const [functionsDir, entryPoint, offsetMs] = process.argv.slice(2);
if (functionsDir === undefined || entryPoint === undefined) throw new Error('Started without a function.');

// The stack alone ends its instances: by SIGTERM, or by ending itself. A terminal's Ctrl-C reaches all of them at
// once, while the stack still wants their answers.
process.on('SIGINT', () => {});
process.once('disconnect', () => process.exit());

const clock = new OffsetClock(Number(offsetMs ?? 0));
// The functions' platform layer takes its clock from here when it is present.
Object.assign(globalThis, {
  [Symbol.for('sluice.clock')]: {
    now: () => clock.now(),
    setTimeout: (run: () => void, delayMs: number) => clock.setTimeout(run, delayMs),
    clearTimeout: (timer: LocalTimer | undefined) => clock.clearTimeout(timer),
  },
});

let openRequests = 0;
let requestChanges = 0;

const app = createFunctionApp(functionsDir, await loadHandler(functionsDir, entryPoint));
const server = createServer((request, response) => {
  openRequests += 1;
  requestChanges += 1;
  response.once('close', () => {
    openRequests -= 1;
    requestChanges += 1;
  });
  app(request, response);
});
// The manager keeps its connections open; only it decides when one is done with.
server.keepAliveTimeout = 0;
server.requestTimeout = 0;

process.on('message', (message: SyncMessage) => {
  clock.setOffsetMs(message.offsetMs);
  send({
    type: 'state',
    id: message.id,
    state: { openRequests, nextDueMs: clock.nextDueMs() ?? null, activity: requestChanges + clock.changes() },
  });
});

process.once('SIGTERM', () => {
  server.close(() => process.exit());
  server.closeIdleConnections();
});

server.listen(Number(process.env['PORT'] ?? 0), '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object' && address !== null) send({ type: 'ready', port: address.port });
});

function send(message: FromInstance): void {
  process.send?.(message);
}

async function loadHandler(dir: string, name: string): Promise<FunctionHandler> {
  const file = createRequire(join(dir, 'package.json')).resolve(dir);
  let found: unknown = await import(pathToFileURL(file).href);
  for (const part of name.split('.')) found = Reflect.get(Object(found), part);
  if (!isHandler(found)) throw new Error(`${file} exports no function ${name}.`);
  return found;
}

function isHandler(value: unknown): value is FunctionHandler {
  return typeof value === 'function';
}
