import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { FaultPhase } from '../shared/faults.ts';
import type { LocalService, ServiceOptions, StorageUsage } from '../shared/service.ts';
import type { ObjectChange } from './bucket.ts';
import { Buckets } from './buckets.ts';
import { StorageError } from './errors.ts';
import { readRequest, type StorageReply } from './http.ts';
import { type StoredObject, toResource } from './object.ts';
import { route } from './routes.ts';
import { createServiceAccount, type ServiceAccount } from './serviceAccount.ts';
import { UploadSessions } from './sessions.ts';
import { readSnapshot, writeSnapshot } from './snapshot.ts';

/** A change of an object, with its resource as the JSON API shows it, which is a CloudEvent's data. */
export interface StorageEvent {
  type: `google.cloud.storage.object.v1.${ObjectChange}`;
  bucket: string;
  object: Record<string, unknown>;
  atMs: number;
}

interface StorageOptions extends ServiceOptions {
  buckets: string[];
  onEvent?: (event: StorageEvent) => void;
}

/** Cloud Storage's JSON API on this machine, in memory, for the official client. */
export interface LocalStorage extends LocalService<StorageUsage> {
  /** Deletes what the buckets' lifecycle rules say is due by the clock. */
  runLifecycle(): void;
  /** Writes buckets and objects into the directory, content as files. Upload sessions are not kept. */
  exportState(directory: string): Promise<void>;
  /**
   * Takes over what {@link exportState} wrote, without events. Only before the first call.
   * @throws SnapshotError when it cannot be read.
   */
  importState(directory: string): Promise<void>;
  /**
   * A key file for GOOGLE_APPLICATION_CREDENTIALS, with which clients sign addresses; it is deleted at the end. The
   * first call makes the key.
   */
  keyFile(projectId: string): Promise<string>;
}

/** Starts the simulator on 127.0.0.1. Throws when the port is taken or a bucket's name is not one. */
export async function startStorage(options: StorageOptions): Promise<LocalStorage> {
  const simulator = new StorageSimulator(options);
  await simulator.listen();
  return simulator;
}

class StorageSimulator implements LocalStorage {
  readonly #options: StorageOptions;
  readonly #buckets: Buckets;
  readonly #sessions: UploadSessions;
  /** Clients keep connections for minutes; closing them earlier would break off calls that start just then. */
  readonly #server = createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
    void this.#serve(request, response);
  });
  #usage: StorageUsage = { class_a: 0, class_b: 0 };
  #inFlight = 0;
  #account: Promise<ServiceAccount> | undefined;
  port = 0;

  constructor(options: StorageOptions) {
    this.#options = options;
    this.#buckets = new Buckets(options.clock, (change, object) => this.#announce(change, object));
    this.#sessions = new UploadSessions(options.clock);
    for (const name of options.buckets) this.#buckets.create(name);
  }

  async listen(): Promise<void> {
    this.#server.listen(this.#options.port, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (typeof address === 'object' && address !== null) this.port = address.port;
  }

  inFlight(): number {
    return this.#inFlight;
  }

  usage(): StorageUsage {
    return { ...this.#usage };
  }

  resetUsage(): void {
    this.#usage = { class_a: 0, class_b: 0 };
  }

  runLifecycle(): void {
    for (const bucket of this.#buckets.all()) bucket.runLifecycle();
  }

  exportState(directory: string): Promise<void> {
    return writeSnapshot(directory, this.#buckets);
  }

  importState(directory: string): Promise<void> {
    return readSnapshot(directory, this.#buckets);
  }

  async keyFile(projectId: string): Promise<string> {
    this.#account ??= createServiceAccount(projectId);
    return (await this.#account).keyFile;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
    await (await this.#account)?.close();
  }

  #announce(change: ObjectChange, object: StoredObject): void {
    this.#options.onEvent?.({
      type: `google.cloud.storage.object.v1.${change}`,
      bucket: object.bucket,
      object: toResource(object, `http://127.0.0.1:${this.port}`),
      atMs: this.#options.clock.now(),
    });
  }

  async #serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#inFlight += 1;
    try {
      const reply = await this.#answer(message);
      let rest: Buffer | undefined;
      await this.#suffer(message.method ?? 'GET', 'half', () => {
        const body = sendHeaders(response, reply);
        response.flushHeaders();
        response.write(body.subarray(0, body.length >> 1));
        rest = body.subarray(body.length >> 1);
      });
      response.end(rest ?? sendHeaders(response, reply));
    } catch (error) {
      if (error instanceof ConnectionCut) {
        message.socket.resetAndDestroy();
        return;
      }
      message.resume();
      response.end(sendHeaders(response, failure(error)));
    } finally {
      this.#inFlight -= 1;
    }
  }

  async #answer(message: IncomingMessage): Promise<StorageReply> {
    const request = readRequest(message);
    await this.#suffer(request.method, 'before');
    const reply = await route(request, {
      buckets: this.#buckets,
      sessions: this.#sessions,
      signers: this.#account === undefined ? [] : [await this.#account],
      nowMs: this.#options.clock.now(),
    });
    if (reply.billedAs !== undefined) this.#usage[reply.billedAs] += 1;
    await this.#suffer(request.method, 'after');
    return reply;
  }

  /** Applies a fault to the request, which does not count as being worked on while it waits. */
  async #suffer(method: string, phase: FaultPhase, begin = (): void => {}): Promise<void> {
    const { faults } = this.#options;
    const hit = faults.check('storage', method, phase);
    if (hit === undefined) return;
    begin();
    this.#inFlight -= 1;
    const failure = await faults.wait(hit);
    this.#inFlight += 1;
    if (failure === 'cut') throw new ConnectionCut();
    if (failure !== undefined)
      throw new StorageError(failure, 'backendError', `${method} failed by an injected fault.`);
  }
}

/** A fault wants the caller to get no answer. */
class ConnectionCut extends Error {}

/** Sends the headers; returns the body that is to follow. */
function sendHeaders(response: ServerResponse, reply: StorageReply): Buffer {
  const body =
    reply.bytes ?? (reply.json === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(reply.json)));
  const type = reply.json === undefined ? {} : { 'content-type': 'application/json; charset=UTF-8' };
  const length = reply.status === 204 || reply.isUnsized ? {} : { 'content-length': body.length };
  response.writeHead(reply.status, { ...type, ...length, ...reply.headers });
  return response.req.method === 'HEAD' ? Buffer.alloc(0) : body;
}

function failure(error: unknown): StorageReply {
  if (error instanceof StorageError) return { status: error.status, json: error.toJson() };
  console.error('local storage: a request failed', error);
  return failure(new StorageError(500, 'internalError', String(error)));
}
