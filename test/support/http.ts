import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Event } from '../../functions/src/events/event.ts';
import { type HttpHandler, type HttpHandlerOptions, httpHandler } from '../../functions/src/http/handler.ts';
import { type Role, roles } from '../../functions/src/http/roles.ts';
import type { ServedRoute } from '../../functions/src/http/route.ts';
import { keyAuthenticator } from '../../functions/src/keys/auth.ts';
import { KeyStore, type KeyStoreOptions } from '../../functions/src/keys/keyStore.ts';
import type { Ids } from '../../functions/src/platform/ids.ts';
import type { Stager } from '../../functions/src/staging/groupStager.ts';
import { asDescribed } from './described.ts';
import { countingIds } from './ids.ts';
import { MemoryObjects } from './objects.ts';

/** Keeps what was staged, a list a call, and can be made to refuse. */
export class MemoryStager implements Stager {
  readonly calls: Event[][] = [];
  failure: Error | undefined;
  /** A promise that staging waits for. */
  gate: Promise<void> | undefined;

  async stage(events: readonly Event[]): Promise<void> {
    await this.gate;
    if (this.failure !== undefined) throw this.failure;
    this.calls.push([...events]);
  }

  /** Forgets what was staged, and refuses nothing any more. */
  reset(): void {
    this.calls.length = 0;
    this.failure = undefined;
    this.gate = undefined;
  }

  /** Events staged so far, in order. */
  get events(): Event[] {
    return this.calls.flat();
  }
}

/** One first key a role, its text `<role>-key`, and more with bindings. */
export function firstKeys(
  more: { id: string; role: Role; key: string; uids?: number[]; hotkeys?: string[] }[] = [],
): string {
  const keys = [...roles.map((role) => ({ id: `first-${role}`, role, key: `${role}-key` })), ...more];
  return JSON.stringify(keys.map(({ key, ...rest }) => ({ ...rest, sha256: sha256(key) })));
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

interface KeyedOptions extends Pick<HttpHandlerOptions, 'clock' | 'logger' | 'limits'> {
  ids?: Ids;
  /** The rate of each role's keys; by default as deployed. */
  requestsPerSecond?: Readonly<Record<Role, number>>;
  /** Holds the keys that routes make; by default a bucket of its own. */
  objects?: KeyStoreOptions['objects'];
  /** The secret `API_KEYS`; by default a key for each role. */
  secret?: string;
}

/**
 * The handler of these routes as it is deployed: behind keys and the limit of their rate. Answers must be as described.
 */
export function keyedHandler(
  routes: readonly ServedRoute[] | ((keys: KeyStore) => readonly ServedRoute[]),
  keyed: KeyedOptions,
): HttpHandler {
  const { ids = countingIds(), secret = firstKeys(), ...options } = keyed;
  const objects = keyed.objects ?? new MemoryObjects(keyed.clock).connect();
  const keys = new KeyStore({ ...options, objects, firstKeys: () => secret });
  return httpHandler({
    ...options,
    routes: (typeof routes === 'function' ? routes(keys) : routes).map(asDescribed),
    authenticator: keyAuthenticator(keys, keyed.clock, keyed.requestsPerSecond),
    ids,
  });
}

/** Serves {@link keyedHandler} on a free port. */
export function serveRoutes(...keyed: Parameters<typeof keyedHandler>): Promise<TestServer> {
  return serve(keyedHandler(...keyed));
}

export interface TestServer {
  url: string;
  /** Calls a path; the body of the answer is read. */
  call(path: string, init?: RequestInit): Promise<Answer>;
  close(): Promise<void>;
}

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** The body as JSON, where it is an object. */
  json: Record<string, unknown>;
}

/** Serves a handler on a free port, as node:http hands requests over. */
export async function serve(handler: HttpHandler): Promise<TestServer> {
  const server = createServer((request, response) => void handler(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    call: async (path, init) => answerOf(await fetch(url + path, init)),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  let json: Record<string, unknown> = {};
  try {
    json = JSON.parse(text);
  } catch {
    // Not every answer has a body.
  }
  return { status: response.status, headers: response.headers, text, json };
}
