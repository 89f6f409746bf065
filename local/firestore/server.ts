import { once } from 'node:events';
import {
  type handleBidiStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type ServerDuplexStream,
  type ServerWritableStream,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { FaultHit, Faults } from '../shared/faults.ts';
import { GrpcServer } from '../shared/grpcServer.ts';
import { StatusError, status } from './errors.ts';
import { defineMethod, type RawRequest } from './proto.ts';

/** Handles one call of the service; `signal` fires when the client gives up. */
type Unary<Request, Response> = (request: Request, signal: AbortSignal) => Promise<Response> | Response;
type Stream<Request, Response> = (request: Request, signal: AbortSignal) => AsyncIterable<Response>;

/** Opens the service's side of a two-way stream. */
type OpenDuplex<Request, Response> = (send: (response: Response) => void) => {
  request(request: Request): void;
  close(): void;
};

/** Above what a request may hold, so that one too large gets the service's answer and not the transport's. */
const maxMessageBytes = 64 * 1_048_576;

/** An error as grpc-js wants it. What is not a refusal of ours is a defect, and is shown. */
function grpcError(error: unknown): { code: number; details: string; message: string; name: string } {
  if (error instanceof StatusError) {
    return { code: error.code, details: error.message, message: error.message, name: error.name };
  }
  console.error('Firestore simulator:', error);
  const details = error instanceof Error ? error.message : String(error);
  return { code: status.internal, details, message: details, name: 'Error' };
}

interface Peer {
  getPeer(): string;
}

/** The gRPC side of the service: turns calls into requests, and applies faults around them. */
export class RpcServer {
  readonly #faults: Faults;
  readonly #server = new GrpcServer({
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': -1,
  });
  readonly #definition: Record<string, ServiceDefinition[string]> = {};
  readonly #implementation: UntypedServiceImplementation = {};
  #calls = 0;

  constructor(faults: Faults) {
    this.#faults = faults;
  }

  /** Calls being worked on; not those that a fault keeps waiting. */
  get calls(): number {
    return this.#calls;
  }

  unary<Request, Response extends object>(
    rpc: string,
    handle: Unary<Request, Response>,
    responseType = `google.firestore.v1.${rpc}Response`,
  ): void {
    this.#definition[rpc] = defineMethod<Request, Response>(rpc, responseType, {
      request: false,
      response: false,
    });
    const handler: handleUnaryCall<RawRequest<Request>, Response> = (call, callback) => {
      const signal = signalOf(call);
      const work = async () => {
        await this.#suffer(call, this.#faults.check('firestore', rpc, 'before'));
        const response = await handle(call.request.decode(), signal);
        await this.#suffer(call, this.#faults.check('firestore', rpc, 'after'));
        const half = this.#faults.check('firestore', rpc, 'half');
        if (half !== undefined) call.sendMetadata(new Metadata());
        await this.#suffer(call, half);
        return response;
      };
      void this.#counted(work).then(
        (response) => callback(null, response),
        (error) => callback(grpcError(error)),
      );
    };
    this.#implementation[rpc] = handler;
  }

  stream<Request, Response extends object>(rpc: string, handle: Stream<Request, Response>): void {
    const responseType = `google.firestore.v1.${rpc}Response`;
    this.#definition[rpc] = defineMethod<Request, Response>(rpc, responseType, {
      request: false,
      response: true,
    });
    const handler: handleServerStreamingCall<RawRequest<Request>, Response> = (call) => {
      // Without headers, the client's retry-request repeats a refused stream twice, 6 s long, whatever the status.
      call.sendMetadata(new Metadata());
      // Listens from the start: a client that leaves during a delay says so once.
      const signal = signalOf(call);
      const work = async () => {
        await this.#suffer(call, this.#faults.check('firestore', rpc, 'before'));
        signal.throwIfAborted();
        const hit = this.#faults.check('firestore', rpc, 'after');
        const half = this.#faults.check('firestore', rpc, 'half');
        const kept: Response[] = [];
        for await (const response of handle(call.request.decode(), signal)) {
          if (half !== undefined) kept.push(response);
          else if (hit?.failure === undefined) await send(call, response, signal);
        }
        await this.#suffer(call, hit);
        const sent = Math.floor(kept.length / 2);
        for (const response of kept.slice(0, sent)) await send(call, response, signal);
        await this.#suffer(call, half);
        for (const response of kept.slice(sent)) await send(call, response, signal);
      };
      void this.#counted(work).then(
        () => call.end(),
        (error) => call.emit('error', grpcError(error)),
      );
    };
    this.#implementation[rpc] = handler;
  }

  /** A stream in both directions. It is idle most of the time, so it does not count as a call being worked on. */
  duplex<Request, Response extends object>(rpc: string, open: OpenDuplex<Request, Response>): void {
    const responseType = `google.firestore.v1.${rpc}Response`;
    this.#definition[rpc] = defineMethod<Request, Response>(rpc, responseType, {
      request: true,
      response: true,
    });
    const serve = (call: ServerDuplexStream<RawRequest<Request>, Response>) => {
      const stream = open((response) => call.write(response));
      const fail = (error: unknown) => {
        stream.close();
        call.emit('error', grpcError(error));
      };
      call.on('data', (request: RawRequest<Request>) => {
        try {
          stream.request(request.decode());
        } catch (error) {
          fail(error);
        }
      });
      call.on('end', () => {
        stream.close();
        call.end();
      });
      call.on('cancelled', () => stream.close());
    };
    const handler: handleBidiStreamingCall<RawRequest<Request>, Response> = (call) => {
      const hit = this.#faults.check('firestore', rpc, 'before');
      if (hit === undefined) serve(call);
      else
        void this.#counted(() => this.#suffer(call, hit)).then(
          () => call.cancelled || serve(call),
          (error) => call.emit('error', grpcError(error)),
        );
    };
    this.#implementation[rpc] = handler;
  }

  /** Returns the port. Rejects with `PortInUse`. */
  listen(port: number): Promise<number> {
    this.#server.addService(this.#definition, this.#implementation);
    return this.#server.listen(port, 'Firestore');
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  /** Applies a fault to a counted call, which does not count while it waits. */
  async #suffer(call: Peer, hit: FaultHit | undefined): Promise<void> {
    if (hit === undefined) return;
    this.#calls--;
    const failure = await this.#faults.wait(hit);
    this.#calls++;
    if (failure === undefined) return;
    if (failure === 'cut') this.#server.cut(call.getPeer());
    throw new StatusError(failure === 'cut' ? status.unavailable : failure, 'Injected fault.');
  }

  async #counted<T>(work: () => Promise<T>): Promise<T> {
    this.#calls++;
    try {
      return await work();
    } finally {
      this.#calls--;
    }
  }
}

const clientGone = new StatusError(status.cancelled, 'The call was cancelled.');

function signalOf(call: { on(event: 'cancelled', listener: () => void): unknown }): AbortSignal {
  const controller = new AbortController();
  call.on('cancelled', () => controller.abort(clientGone));
  return controller.signal;
}

/** Waits for the client where it reads more slowly than we write. */
async function send<Response>(
  call: ServerWritableStream<unknown, Response>,
  response: Response,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  if (call.write(response)) return;
  await once(call, 'drain', { signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw error;
  });
}
