import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';
import { addAbortSignal } from 'node:stream';
import { type Clock, within } from './clock.ts';
import { AppError } from './errors.ts';

/** The longest that a remote call may take, by a clock. */
export interface CallBound {
  clock: Clock;
  limitMs: number;
}

/**
 * The longest silence of the metadata server, of which clients ask tokens without any limit in the cloud, and make all
 * calls wait for the same one (gcp-metadata, `requestTimeout`: 0; google-auth-library, `refreshTokenPromises`).
 */
const metadataSilenceMs = 3_000;

/** The end of the call that is being made. */
const endOfCall = new AsyncLocalStorage<AbortSignal>();

// Neither Cloud Storage's client nor those that it is made of can be told to break off a request.
subscribe('http.client.request.created', (message) => {
  const { request } = message as { request: ClientRequest };
  if (request.path.startsWith('/computeMetadata/')) {
    request.setTimeout(metadataSilenceMs, () => request.destroy(new Error('The metadata server is silent.')));
    return;
  }
  const signal = endOfCall.getStore();
  if (signal !== undefined) addAbortSignal(signal, request);
});

interface RemoteOptions<Client> {
  /** Lets the client's calls end and then frees its connections. */
  close?(client: Client): unknown;
  /** True where a client may be of no use any more after this error. */
  breaksClient?(error: unknown): boolean;
}

/**
 * A client of Google's, made when first used; the one way to it is a call with an end. After a call that had none in
 * time the client is not used again: whatever it was that hung inside, a connection or the making of a token, would
 * let the next hang as well.
 */
export class Remote<Client> {
  readonly #service: string;
  readonly #open: () => Promise<Client>;
  readonly #options: RemoteOptions<Client>;
  #opened: Promise<Client> | undefined;

  /** `service` is what messages call it. */
  constructor(service: string, open: () => Promise<Client>, options: RemoteOptions<Client> = {}) {
    this.#service = service;
    this.#open = open;
    this.#options = options;
  }

  /**
   * The result of the work. Past the limit its HTTP requests, also those to come, are broken off; `call.abort()` does
   * the same for what outlives the call.
   * @throws AppError `unavailable` past the limit; what the work throws.
   */
  async call<Result>(
    { clock, limitMs }: CallBound,
    work: (client: Client, call: AbortController) => Promise<Result>,
  ): Promise<Result> {
    const call = new AbortController();
    const opened = this.#client();
    const late = (): AppError => {
      this.#forget(opened);
      const error = new AppError('unavailable', `${this.#service} did not answer in time; try again.`);
      call.abort(error);
      return error;
    };
    const result = endOfCall.run(call.signal, async () => work(await opened, call));
    try {
      return await within(clock, limitMs, result, late);
    } catch (error) {
      if (this.#options.breaksClient?.(error)) this.#forget(opened);
      throw error;
    }
  }

  /** Makes the client, so that a first call finds it; whatever comes of that, the call tells. */
  async prepare(): Promise<void> {
    await this.#client().catch(() => undefined);
  }

  #client(): Promise<Client> {
    if (this.#opened === undefined) {
      const opened = endOfCall.exit(this.#open);
      this.#opened = opened;
      opened.catch(() => this.#forget(opened));
    }
    return this.#opened;
  }

  #forget(opened: Promise<Client>): void {
    if (this.#opened !== opened) return;
    this.#opened = undefined;
    void opened.then(this.#options.close).catch(() => undefined);
  }
}
