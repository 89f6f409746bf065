/** The thread of an outbox's file: a commit waits for the disk, and would hold up the event loop meanwhile. */
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from './errors.ts';
import { Store } from './store.ts';
import type { StoreCall, StoreReply } from './storeClient.ts';

const { path } = workerData as { path: string };
let store: Store | undefined;

parentPort?.on('message', ({ id, name, args }: StoreCall) => {
  let reply: StoreReply;
  try {
    store ??= new Store(path);
    const call = store[name] as (...args: unknown[]) => unknown;
    reply = { id, result: call.apply(store, args) };
  } catch (error) {
    reply = { id, error: messageOf(error) };
  }
  parentPort?.postMessage(reply);
});
