import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { closeServer, listen } from '../shared/http.ts';
import type { ServiceOptions } from '../shared/service.ts';

interface MetadataOptions extends Pick<ServiceOptions, 'port' | 'faults'> {
  projectId: string;
  /** The account that the machine runs as. */
  serviceAccount: string;
}

/** The metadata server of a machine of the cloud, which GCE_METADATA_HOST names to Google's clients. */
export interface LocalMetadata {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  /** Requests so far, by path. */
  readonly asked: ReadonlyMap<string, number>;
  close(): Promise<void>;
}

/** The life of a token in seconds; the service's is an hour. */
const tokenSeconds = 3599;

/**
 * Starts the simulator on 127.0.0.1: the project, the account, its access and identity tokens, which are worth nothing
 * (https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys). Throws when the port is taken.
 */
export async function startMetadata(options: MetadataOptions): Promise<LocalMetadata> {
  const asked = new Map<string, number>();
  const server: Server = createServer((request, response) => void serve(request, response));
  const port = await listen(server, options.port, 'the metadata server');
  return { host: `127.0.0.1:${port}`, asked, close: () => closeServer(server) };

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://metadata');
    const path = url.pathname.replace('/computeMetadata/v1/', '').replace(/\/$/, '');
    asked.set(path, (asked.get(path) ?? 0) + 1);
    // Clients take an answer without this header for somebody else's.
    const headers = { 'metadata-flavor': 'Google' };
    const [status, body] = await suffered(request, () => answer(options, path, url.searchParams));
    if (status === 'cut') {
      request.socket.resetAndDestroy();
      return;
    }
    response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
    response.flushHeaders();
    response.write(body.slice(0, body.length >> 1));
    const hit = options.faults.check('metadata', request.method ?? 'GET', 'half');
    if (hit !== undefined && (await options.faults.wait(hit)) !== undefined) request.socket.resetAndDestroy();
    else response.end(body.slice(body.length >> 1));
  }

  async function suffered(
    { method = 'GET' }: IncomingMessage,
    work: () => [status: number, body: string],
  ): Promise<[status: number | 'cut', body: string]> {
    for (const phase of ['before', 'after'] as const) {
      const hit = options.faults.check('metadata', method, phase);
      const failure = hit === undefined ? undefined : await options.faults.wait(hit);
      if (failure !== undefined) return [failure, 'Failed by an injected fault.'];
    }
    return work();
  }
}

function answer(
  { projectId, serviceAccount }: MetadataOptions,
  path: string,
  query: URLSearchParams,
): [status: number, body: string] {
  const answers: Record<string, () => string> = {
    '': () => '',
    instance: () => '',
    'project/project-id': () => projectId,
    'universe/universe-domain': () => 'googleapis.com',
    'instance/service-accounts/default/email': () => serviceAccount,
    'instance/service-accounts': () => JSON.stringify({ default: { email: serviceAccount } }),
    'instance/service-accounts/default': () => JSON.stringify({ email: serviceAccount }),
    'instance/service-accounts/default/token': () =>
      JSON.stringify({ access_token: 'local', expires_in: tokenSeconds, token_type: 'Bearer' }),
    'instance/service-accounts/default/identity': () => `local.${query.get('audience')}.local`,
  };
  const found = Object.hasOwn(answers, path) ? answers[path] : undefined;
  return found === undefined ? [404, 'Not found.'] : [200, found()];
}
