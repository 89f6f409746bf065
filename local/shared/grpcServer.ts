import { createServer, type Socket, type Server as SocketServer } from 'node:net';
import { Server, ServerCredentials, type ServerOptions } from '@grpc/grpc-js';
import { listen } from './http.ts';

/** Half-open: a connection whose other end is gone without a word is closed after these, and with it its calls. */
const keepaliveTimeMs = 60_000;
const keepaliveTimeoutMs = 20_000;

/** A gRPC server on sockets of its own, so that a connection can be cut under a call. */
export class GrpcServer {
  readonly #grpc: Server;
  readonly #sockets = new Map<string, Socket>();
  readonly #listeners: SocketServer[] = [];
  readonly #take: (socket: Socket) => void;

  constructor(options: ServerOptions) {
    this.#grpc = new Server({
      'grpc.keepalive_time_ms': keepaliveTimeMs,
      'grpc.keepalive_timeout_ms': keepaliveTimeoutMs,
      ...options,
    });
    const injector = this.#grpc.createConnectionInjector(ServerCredentials.createInsecure());
    this.#take = (socket) => {
      const peer = `${socket.remoteAddress}:${socket.remotePort}`;
      this.#sockets.set(peer, socket);
      // A peer that resets its connection is no failure of ours.
      socket.on('error', () => {});
      socket.once('close', () => this.#sockets.delete(peer));
      injector.injectConnection(socket);
    };
  }

  addService(...parameters: Parameters<Server['addService']>): void {
    this.#grpc.addService(...parameters);
  }

  /** Returns the port, one more where it listens already. Rejects with `PortInUse`, which names the service. */
  listen(port: number, service: string): Promise<number> {
    const listener = createServer({ noDelay: true }, this.#take);
    this.#listeners.push(listener);
    return listen(listener, port, service);
  }

  /** Resets the connection of a call, which is known by its `getPeer()`. */
  cut(peer: string): void {
    this.#sockets.get(peer)?.resetAndDestroy();
  }

  /** Ends all calls and connections; resolves when the port is free. */
  async close(): Promise<void> {
    const closed = this.#listeners.map(
      (listener) => new Promise<void>((resolve) => listener.close(() => resolve())),
    );
    this.#grpc.forceShutdown();
    for (const socket of this.#sockets.values()) socket.destroy();
    await Promise.all(closed);
  }
}
