/** A proxy of its own process: writes numbered events into an outbox, and says which were taken. */
import { OutboxError, Sluice } from '../../clients/typescript/src/index.ts';

const [url = '', outbox = '', path = '', first = '0', count = '5000', size = '0'] = process.argv.slice(2);
const logger = { info: () => undefined, warn: () => undefined, error: () => undefined };
const client = new Sluice({ url, key: 'a-key', outbox, lingerMs: 5, maxBackoffMs: 20, logger });
const x = 'x'.repeat(Number(size));
for (let n = Number(first); n < Number(first) + Number(count); n += 1) {
  try {
    await client.update(path, { n, x });
    process.stdout.write(`${n}\n`);
  } catch (error) {
    if (!(error instanceof OutboxError)) throw error;
    process.stdout.write(`${error.message}\n`);
    // The parent makes room, and says so.
    await new Promise((resolve) => process.stdin.once('data', resolve));
    process.stdin.pause();
    n -= 1;
  }
}
// Without a close: what the outbox holds does not keep a process alive.
