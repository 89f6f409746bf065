import type { Server } from 'node:http';
import type { Server as SocketServer } from 'node:net';

/** A port that another program has; the message tells which service wanted it. */
export class PortInUse extends Error {
  constructor(service: string, port: number, cause: unknown) {
    super(`Port ${port}, wanted for ${service}, is in use.`, { cause });
  }
}

/** Listens on the machine's own address only; returns the port. Rejects with {@link PortInUse}. */
export function listen(server: SocketServer, port: number, service: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' ? new PortInUse(service, port, error) : error);
    });
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

/** Ends open connections too. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
