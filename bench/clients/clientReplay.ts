import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setImmediate as turn } from 'node:timers/promises';
import type { LocalStack } from '../../local/stack.ts';
import { answerStepMs, toTick } from '../shared/replay.ts';
import type { WorkloadEvent } from '../shared/workload.ts';
import { inDirectory, pathOf, startPython } from './python.ts';

/** The sender's state after a command, when it waits or has a request under way. */
interface SenderState {
  /** Events that Sluice has acknowledged. */
  sent: number;
  is_sending: boolean;
  /** The moment at which it looks again by itself. */
  due_ms: number | null;
}

type Call = [method: string, args: unknown[], keywords: Record<string, unknown>];

/**
 * Gives events to the Python client at their moments of the stack's clock, which stands still, and lets the client send
 * them when it will: its own outbox, sender and requests, in a process that has the stack's time. Resolves when the
 * stack has acknowledged all.
 */
export async function replayByClient(
  stack: LocalStack,
  events: readonly WorkloadEvent[],
  lingerMs: number,
): Promise<void> {
  await toTick(stack);
  const startMs = stack.now();
  await inDirectory(async (directory) => {
    const client = await startClient(directory, stack, lingerMs);
    try {
      let given = 0;
      for (;;) {
        const rest = events.slice(given);
        const later = rest.findIndex(({ atMs }) => startMs + atMs > stack.now());
        const calls = (later === -1 ? rest : rest.slice(0, later)).map(callOf);
        given += calls.length;
        const { sent, is_sending, due_ms } = await settled(client, stack, calls);
        if (sent === events.length) return;
        const next = events[given];
        const moments = [
          next === undefined ? Number.POSITIVE_INFINITY : startMs + next.atMs,
          is_sending ? stack.now() + answerStepMs : (due_ms ?? Number.POSITIVE_INFINITY),
        ];
        await stack.advance(Math.max(1, Math.min(...moments) - stack.now()));
      }
    } finally {
      await client.close();
    }
  });
}

function callOf({ kind, taskId, body }: WorkloadEvent): Call {
  if (kind === 'response') return ['send_response', [], body];
  return kind === 'task' ? ['create_task', [], body] : ['set_fields', [taskId, body], {}];
}

/** Makes calls at the stack's time; answers when the sender waits, or has a request that the stack has got. */
async function settled(client: Client, stack: LocalStack, calls: readonly Call[]): Promise<SenderState> {
  let state = await client.command({ at_ms: stack.now(), calls });
  while (state.is_sending && stack.clientsInFlight() === 0) {
    await turn();
    state = await client.command({ at_ms: stack.now(), calls: [] });
  }
  return state;
}

interface Client {
  command(command: { at_ms: number; calls: readonly Call[] }): Promise<SenderState>;
  close(): Promise<void>;
}

async function startClient(
  directory: string,
  { urls, keys, now }: LocalStack,
  lingerMs: number,
): Promise<Client> {
  const outbox = join(directory, 'outbox.db');
  const args = [pathOf('traced.py'), outbox, urls.hosting, keys['proxy'] ?? '', lingerMs / 1000];
  const child = startPython(args, directory);
  const ended = once(child, 'exit');
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const asked = async (command: object): Promise<SenderState> => {
    child.stdin.write(`${JSON.stringify(command)}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error('The client ended before all was sent.');
    return JSON.parse(value);
  };
  await asked({ at_ms: now() });
  return {
    command: asked,
    async close() {
      child.stdin.end();
      await ended;
    },
  };
}
