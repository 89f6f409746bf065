import { subscribe } from 'node:diagnostics_channel';
import type { Server } from 'node:net';
import { pathToFileURL } from 'node:url';
import { frameworkEnv, frameworkFile } from '../../../local/functions/instance-process.ts';

/** Starts an HTTPS function in this process as the platform does; returns its port. */
export async function startFunction(functionsDir: string, entryPoint: string): Promise<number> {
  Object.assign(process.env, frameworkEnv({ entryPoint, trigger: { kind: 'https' } }));
  process.chdir(functionsDir);
  const listening = new Promise<Server>((resolve) => {
    subscribe('tracing:net.server.listen:asyncEnd', (message) =>
      resolve((message as { server: Server }).server),
    );
  });
  await import(pathToFileURL(frameworkFile(functionsDir)).href);
  const address = (await listening).address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
