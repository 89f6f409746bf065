/**
 * One instance of one function: the Functions Framework's own program, as the platform starts it, on the stack's clock.
 * Its argument is the framework's file; the function is named by the environment.
 */
import { subscribe } from 'node:diagnostics_channel';
import { Server, type ServerResponse } from 'node:http';
import { pathToFileURL } from 'node:url';
import { type LocalTimer, OffsetClock } from '../shared/clock.ts';
import { countOpenCalls, countPendingWork } from './outgoing.ts';
import type { FromInstance, SyncMessage } from './protocol.ts';

const [frameworkFile = '', offsetMs, standsAtMs] = process.argv.slice(2);

process.once('disconnect', () => process.exit());

const clock = new OffsetClock(Number(offsetMs ?? 0), standsAtMs ? Number(standsAtMs) : undefined);
// The functions' platform layer takes its clock from here when it is present.
Object.assign(globalThis, {
  [Symbol.for('sluice.clock')]: {
    now: () => clock.now(),
    setTimeout: (run: () => void, delayMs: number) => clock.setTimeout(run, delayMs),
    clearTimeout: (timer: LocalTimer | undefined) => clock.clearTimeout(timer),
  },
});

const openCalls = countOpenCalls();
const pendingWork = countPendingWork();
const tellWork = standsAtMs ? workTeller() : undefined;
let openRequests = 0;
let requestChanges = 0;

subscribe('http.server.request.start', (message) => {
  const { response } = message as { response: ServerResponse };
  if (openRequests === 0) tellWork?.begin();
  openRequests += 1;
  requestChanges += 1;
  response.once('close', () => {
    openRequests -= 1;
    requestChanges += 1;
    tellWork?.tell();
  });
});

process.on('message', (message: SyncMessage) => {
  clock.setOffsetMs(message.offsetMs);
  const before = process.cpuUsage();
  send({
    type: 'state',
    id: message.id,
    state: {
      openRequests,
      openCalls: openCalls(),
      pendingWork: pendingWork(),
      nextDueMs: clock.nextDueMs() ?? null,
      activity: requestChanges + clock.changes(),
    },
  });
  tellWork?.leaveOut(process.cpuUsage(before));
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
    if (typeof address !== 'object' || address === null) return;
    tellWork?.tell();
    send({ type: 'ready', port: address.port });
  });
};

function send(message: FromInstance): void {
  process.send?.(message);
}

/** Tells the CPU time of the start and of the time with requests open, all threads together. */
function workTeller(): { begin(): void; leaveOut(usage: NodeJS.CpuUsage): void; tell(): void } {
  let told = { user: 0, system: 0 };
  return {
    begin: () => {
      told = process.cpuUsage();
    },
    leaveOut: ({ user, system }) => {
      told = { user: told.user + user, system: told.system + system };
    },
    tell: () => {
      const { user, system } = process.cpuUsage(told);
      told = process.cpuUsage();
      send({ type: 'work', cpuMs: (user + system) / 1000 });
    },
  };
}

await import(pathToFileURL(frameworkFile).href);
