import { Storage } from '@google-cloud/storage';
import { OffsetClock } from '../../../local/shared/clock.ts';
import { Faults } from '../../../local/shared/faults.ts';
import { type LocalStorage, type StorageEvent, startStorage } from '../../../local/storage/index.ts';

// Off the cloud, the clients would look for a metadata server.
process.env['METADATA_SERVER_DETECTION'] ??= 'none';

export const bucketName = 'demo.appspot.com';
export const dayMs = 24 * 60 * 60 * 1000;

/** One service and its official client, which does not repeat failed calls by itself. */
export interface Harness {
  clock: OffsetClock;
  faults: Faults;
  storage: LocalStorage;
  client: Storage;
  bucket: ReturnType<Storage['bucket']>;
  events: StorageEvent[];
  origin: string;
  advance(ms: number): void;
  close(): Promise<void>;
}

export async function startHarness(): Promise<Harness> {
  const clock = new OffsetClock();
  const faults = new Faults(clock);
  const events: StorageEvent[] = [];
  const storage = await startStorage({
    port: 0,
    clock,
    faults,
    buckets: [bucketName],
    onEvent: (event) => events.push(event),
  });
  const origin = `http://127.0.0.1:${storage.port}`;
  const client = new Storage({ apiEndpoint: origin, projectId: 'demo', retryOptions: { autoRetry: false } });
  return {
    clock,
    faults,
    storage,
    client,
    bucket: client.bucket(bucketName),
    events,
    origin,
    advance: (ms) => clock.setOffsetMs(clock.offsetMs() + ms),
    close: () => storage.close(),
  };
}

/** The HTTP status of a rejected call; undefined when it was answered. */
export async function codeOf(call: Promise<unknown>): Promise<number | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    return Number((error as { code?: number | string }).code);
  }
}
