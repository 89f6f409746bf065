/** Sends requests over connections that stay open, in a process of its own so that it shares no loop with a server. */
import { connect, type Socket } from 'node:net';
import type { LoadOrder, LoadResult } from './protocol.ts';

const headerEnd = Buffer.from('\r\n\r\n');

process.on('message', (order: LoadOrder) => {
  void run(order).then((result) => process.send?.(result));
});

interface Tally {
  latenciesMs: number[];
  failures: number;
  isCounting: boolean;
  isOver: boolean;
}

async function run(order: LoadOrder): Promise<LoadResult> {
  const tally: Tally = { latenciesMs: [], failures: 0, isCounting: false, isOver: false };
  const requests = order.bodies.map((body) => requestOf(order, body));
  const sockets = Array.from({ length: order.connections }, (_, index) =>
    open(order.port, requests, Math.floor((index * requests.length) / order.connections), tally),
  );
  await pause(order.warmMs);
  tally.isCounting = true;
  const startedMs = performance.now();
  await pause(order.measureMs);
  const elapsedMs = performance.now() - startedMs;
  tally.isCounting = false;
  tally.isOver = true;
  for (const socket of sockets) socket.destroy();
  const sorted = Float64Array.from(tally.latenciesMs).sort();
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0;
  return {
    requestsPerSecond: (sorted.length / elapsedMs) * 1000,
    failures: tally.failures,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
  };
}

function requestOf({ path, key }: LoadOrder, body: string): Buffer {
  const head = [
    `POST ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    `X-API-Key: ${key}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
}

/** One connection, which sends its next request when the last is answered. */
function open(port: number, requests: readonly Buffer[], first: number, tally: Tally): Socket {
  let next = first;
  let sentMs = 0;
  let received = Buffer.alloc(0);
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const send = (): void => {
    sentMs = performance.now();
    socket.write(requests[next % requests.length] ?? '');
    next += 1;
  };
  socket.on('connect', send);
  socket.on('data', (chunk) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    const end = received.indexOf(headerEnd);
    if (end === -1) return;
    const head = received.toString('latin1', 0, end);
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
    if (received.length < end + headerEnd.length + length) return;
    received = Buffer.alloc(0);
    if (!/^HTTP\/1\.1 2/.test(head)) tally.failures += 1;
    if (tally.isCounting) tally.latenciesMs.push(performance.now() - sentMs);
    if (!tally.isOver) send();
  });
  socket.on('error', () => {
    tally.failures += 1;
  });
  return socket;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
