import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { LocalService, ServiceOptions, StorageUsage } from '../shared/service.ts';
import type { ObjectChange } from './bucket.ts';
import { Buckets } from './buckets.ts';
import { StorageError } from './errors.ts';
import { readRequest, type StorageReply, type StorageRequest } from './http.ts';
import { type StoredObject, toResource } from './object.ts';
import { route } from './routes.ts';
import { UploadSessions } from './sessions.ts';

/** A change of an object, with its resource as the JSON API shows it, which is a CloudEvent's data. */
export interface StorageEvent {
  type: `google.cloud.storage.object.v1.${ObjectChange}`;
  bucket: string;
  object: Record<string, unknown>;
  atMs: number;
}

export interface StorageOptions extends ServiceOptions {
  buckets: string[];
  onEvent?: (event: StorageEvent) => void;
}

/** Cloud Storage's JSON API on this machine, in memory, for the official client. */
export interface LocalStorage extends LocalService<StorageUsage> {
  /** Deletes what the buckets' lifecycle rules say is due by the clock. */
  runLifecycle(): void;
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

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
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
      send(response, await this.#answer(message));
    } catch (error) {
      message.resume();
      send(response, failure(error));
    } finally {
      this.#inFlight -= 1;
    }
  }

  async #answer(message: IncomingMessage): Promise<StorageReply> {
    const request = readRequest(message);
    this.#failByFault(request, 'before');
    const reply = await route(request, this.#buckets, this.#sessions, this.#options.clock.now());
    if (reply.billedAs !== undefined) this.#usage[reply.billedAs] += 1;
    this.#failByFault(request, 'after');
    return reply;
  }

  #failByFault({ method }: StorageRequest, phase: 'before' | 'after'): void {
    const status = this.#options.faults.check('storage', method, phase);
    if (status !== undefined)
      throw new StorageError(status, 'backendError', `${method} failed by an injected fault.`);
  }
}

function send(response: ServerResponse, reply: StorageReply): void {
  const body =
    reply.bytes ?? (reply.json === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(reply.json)));
  const type = reply.json === undefined ? {} : { 'content-type': 'application/json; charset=UTF-8' };
  const length = reply.status === 204 ? {} : { 'content-length': body.length };
  response.writeHead(reply.status, { ...type, ...length, ...reply.headers });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

function failure(error: unknown): StorageReply {
  if (error instanceof StorageError) return { status: error.status, json: error.toJson() };
  console.error('local storage: a request failed', error);
  return failure(new StorageError(500, 'internalError', String(error)));
}
