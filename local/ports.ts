import { createServer } from 'node:http';
import { closeServer, listen } from './shared/http.ts';

/** One port a service. */
export interface ServicePorts {
  hosting: number;
  functions: number;
  firestore: number;
  tasks: number;
  storage: number;
}

export type PortChoice = 'fixed' | 'free';

/** The official emulators' ports. */
const defaultPorts: ServicePorts = {
  hosting: 5000,
  functions: 5001,
  firestore: 8080,
  tasks: 9499,
  storage: 9199,
};

/** The documented ports, so many further on. */
export function fixedPorts(offset: number): ServicePorts {
  const { hosting, functions, firestore, tasks, storage } = defaultPorts;
  return {
    hosting: hosting + offset,
    functions: functions + offset,
    firestore: firestore + offset,
    tasks: tasks + offset,
    storage: storage + offset,
  };
}

/** The ports to start on: 0, which takes a free one, or the documented ones, after a look whether they are free. */
export async function portsFor(choice: PortChoice, offset: number): Promise<ServicePorts> {
  if (choice === 'free') return { hosting: 0, functions: 0, firestore: 0, tasks: 0, storage: 0 };
  const ports = fixedPorts(offset);
  for (const [service, port] of Object.entries(ports)) {
    const probe = createServer();
    await listen(probe, port, service);
    await closeServer(probe);
  }
  return ports;
}
