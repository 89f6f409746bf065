/**
 * One instance of one function: the Functions Framework's own program, as the platform starts it, on the stack's clock.
 * Its argument is the framework's file; the function is named by the environment.
 */
import { subscribe } from 'node:diagnostics_channel';
import { Server, type ServerResponse } from 'node:http';
import { pathToFileURL } from 'node:url';
import { type LocalTimer, OffsetClock } from '../shared/clock.ts';
import type { FromInstance, SyncMessage } from './protocol.ts';

const [frameworkFile = '', offsetMs] = process.argv.slice(2);

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

subscribe('http.server.request.start', (message) => {
  const { response } = message as { response: ServerResponse };
  openRequests += 1;
  requestChanges += 1;
  response.once('close', () => {
    openRequests -= 1;
    requestChanges += 1;
  });
});

process.on('message', (message: SyncMessage) => {
  clock.setOffsetMs(message.offsetMs);
  send({
    type: 'state',
    id: message.id,
    state: { openRequests, nextDueMs: clock.nextDueMs() ?? null, activity: requestChanges + clock.changes() },
  });
});

const { listen } = Server.prototype;

/** The framework's server would listen on every address of the machine. */
Server.prototype.listen = function (this: Server, ...[port, listening]: unknown[]) {
  // The manager keeps its connections open; only it decides when one is done with.
  this.keepAliveTimeout = 0;
  return listen.call(this, { port: Number(port), host: '127.0.0.1' }, () => {
    if (typeof listening === 'function') listening();
    // A terminal's Ctrl-C reaches all processes at once, while the stack still wants its instances' answers.
    process.removeAllListeners('SIGINT').on('SIGINT', () => {});
    const address = this.address();
    if (typeof address === 'object' && address !== null) send({ type: 'ready', port: address.port });
  });
};

function send(message: FromInstance): void {
  process.send?.(message);
}

await import(pathToFileURL(frameworkFile).href);
