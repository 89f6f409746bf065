/** `npm start`: runs the local stack until Ctrl-C. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { PortInUse } from './shared/http.ts';
import { typicalLatencies } from './shared/latencies.ts';
import { SnapshotError } from './shared/snapshot.ts';
import { type LocalStack, type StackOptions, startStack } from './stack.ts';

/** A close that hangs must not keep the terminal: the instances end with this process anyway. */
const closeLimitMs = 5000;
/** A snapshot of much takes longer. */
const snapshotLimitMs = 120_000;

const usage = 'Usage: npm start [-- [--port-offset N] [--data DIR]]';

let options: StackOptions = {};
try {
  options = readOptions();
  const stack = await startStack({ ...options, limitCpu: true, latencies: typicalLatencies });
  endOnSignal(stack, options.data === undefined ? closeLimitMs : snapshotLimitMs);
  console.log(welcome(stack, options.data));
} catch (error) {
  report(error);
  if (error instanceof SnapshotError) console.error('To start without it, give --data another directory.');
  if (error instanceof PortInUse) {
    console.error(`Move all ports with: npm start -- --port-offset ${(options.portOffset ?? 0) + 100}`);
  }
  process.exitCode = 1;
}

function readOptions(): StackOptions {
  const { values } = parseArgs({
    options: { 'port-offset': { type: 'string', default: '0' }, data: { type: 'string' } },
  });
  const offset = Number(values['port-offset']);
  if (!Number.isInteger(offset) || offset < 0 || offset > 50_000) {
    throw new Error(`--port-offset must be a whole number from 0 to 50000.\n${usage}`);
  }
  if (values.data === '') throw new Error(`--data must name a directory.\n${usage}`);
  return { portOffset: offset, ...(values.data === undefined ? {} : { data: resolve(values.data) }) };
}

function report(error: unknown): void {
  console.error(error instanceof Error ? error.message : error);
}

function endOnSignal(stack: LocalStack, limitMs: number): void {
  let ending = false;
  const end = async (): Promise<void> => {
    // npm and the terminal may each pass the same Ctrl-C on.
    if (ending) return;
    ending = true;
    setTimeout(() => process.exit(1), limitMs).unref();
    try {
      await stack.close();
      process.exit(0);
    } catch (error) {
      report(error);
      process.exit(1);
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => void end());
}

function welcome({ urls, ports, keys }: LocalStack, data: string | undefined): string {
  const post = (path: string, key: string | undefined, body: object): string =>
    `curl -s ${urls.hosting}${path} -H 'X-API-Key: ${key}' -H 'Content-Type: application/json' -d '${JSON.stringify(body)}'`;
  const id = `try-${Date.now().toString(36)}`;
  const tour = [
    post('/v1/tasks', keys['ingest'], {
      task_id: id,
      task_type: 'text_translation',
      required_miner_count: 1,
    }),
    post('/v1/responses', keys['miner'], {
      task_id: id,
      miner_uid: 0,
      response_data: { output_text: 'hello' },
      accuracy_score: 0.9,
    }),
    `curl -s '${urls.hosting}/v1/tasks/${id}?wait=completed&timeout=25' -H 'X-API-Key: ${keys['read']}'`,
  ];
  return `
Sluice runs on this machine; Ctrl-C ends it${data === undefined ? '' : ` and keeps its state in ${data}`}.

  The page    ${urls.hosting}/  (sign in with a key of role read, proxy or admin)
  Hosting     ${urls.hosting}  (control: ${urls.hosting}/__local/usage)
  Functions   ${urls.functions}/sluice-NAME
  Firestore   127.0.0.1:${ports.firestore}
  Cloud Tasks 127.0.0.1:${ports.tasks}
  Storage     127.0.0.1:${ports.storage}

  API keys    ${Object.values(keys).join('  ')}

A task, a response to it, and the result a few seconds later:

${tour.join(' && ')}
`;
}
