import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AppError } from '../../functions/src/platform/errors.ts';
import { Remote } from '../../functions/src/platform/remote.ts';
import { ManualClock } from '../support/clock.ts';
import { importersOf, modules } from '../support/modules.ts';

const hangs = (): Promise<never> => new Promise(() => undefined);
const isUnavailable = (error: unknown): boolean => error instanceof AppError && error.code === 'unavailable';

describe('a call to a service', () => {
  const clock = new ManualClock();
  const bound = { clock, limitMs: 1_000 };
  let opened = 0;
  let closed: number[] = [];
  const remote = (open = async () => ++opened): Remote<number> =>
    new Remote('The service', open, {
      close: (client) => closed.push(client),
      breaksClient: (error) => error instanceof TypeError,
    });
  beforeEach(() => {
    opened = 0;
    closed = [];
  });

  it('has an end, and the next has another client', async () => {
    const calls = remote();
    assert.equal(await calls.call(bound, async (client) => client), 1);
    const hung = assert.rejects(calls.call(bound, hangs), isUnavailable);
    const alsoHung = assert.rejects(calls.call(bound, hangs), isUnavailable);
    await clock.advance(1_000);
    await Promise.all([hung, alsoHung]);
    assert.equal(await calls.call(bound, async (client) => client), 2);
    assert.equal(await calls.call(bound, async (client) => client), 2);
    assert.deepEqual(closed, [1]);
    assert.equal(clock.pendingTimers, 0);
  });

  it('has an end also where the client is never made, and the next makes it', async () => {
    let isHanging = true;
    const calls = remote(() => (isHanging ? hangs() : Promise.resolve(7)));
    const hung = assert.rejects(
      calls.call(bound, async (client) => client),
      isUnavailable,
    );
    await clock.advance(1_000);
    await hung;
    isHanging = false;
    assert.equal(await calls.call(bound, async (client) => client), 7);
  });

  it('makes the client again where that failed, or where an error says that it is of no use', async () => {
    let failures = 1;
    const calls = remote(async () => {
      if (failures-- > 0) throw new Error('no credentials');
      return ++opened;
    });
    await assert.rejects(
      calls.call(bound, async (client) => client),
      /no credentials/,
    );
    assert.equal(await calls.call(bound, async (client) => client), 1);
    const fails = (error: Error) =>
      assert.rejects(
        calls.call(bound, () => Promise.reject(error)),
        error,
      );
    await fails(new Error('of this call only'));
    assert.equal(await calls.call(bound, async (client) => client), 1);
    await fails(new TypeError('of the client'));
    assert.equal(await calls.call(bound, async (client) => client), 2);
  });

  it('is told when nobody waits for it any more', async () => {
    let reason: unknown;
    const hung = remote().call(bound, (_, { signal }) => {
      signal.addEventListener('abort', () => {
        reason = signal.reason;
      });
      return hangs();
    });
    const rejected = assert.rejects(hung, isUnavailable);
    await clock.advance(1_000);
    await rejected;
    assert.ok(isUnavailable(reason));
  });

  it('sends nothing more after its end', async () => {
    let asked = 0;
    const server = createServer((_, response) => {
      asked += 1;
      response.end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const send = (): Promise<unknown> => once(get({ port, host: '127.0.0.1' }), 'response');
    await remote().call(bound, send);
    assert.equal(asked, 1);
    let later: Promise<unknown> | undefined;
    const hung = remote().call(bound, async (_, { signal }) => {
      await once(signal, 'abort');
      // As a client does that repeats what was broken off.
      later = assert.rejects(send());
      return hangs();
    });
    const rejected = assert.rejects(hung, isUnavailable);
    await clock.advance(1_000);
    await rejected;
    await later;
    assert.notEqual(later, undefined);
    assert.equal(asked, 1);
    server.close();
  });
});

describe('the ways out of the functions', () => {
  it("are Google's clients, in modules that make their calls through Remote", () => {
    const isClient = (specifier: string): boolean =>
      /^(@google-cloud\/|google-|firebase-admin|@grpc\/|gaxios|node-fetch|axios|undici)/.test(specifier);
    const [calling, bare] = [
      ['cloudStorage', 'cloudTasks', 'firestore', 'queueControl'],
      ['firestoreValues', 'tasksBetaClient', 'tasksClient'],
    ].map((names) => names.map((name) => `platform/${name}.ts`));
    assert.deepEqual(importersOf(isClient).sort(), [...(calling ?? []), ...(bare ?? [])].sort());
    for (const path of calling ?? []) assert.match(modules.get(path) ?? '', /\bRemote\b/, path);
  });

  it('are no other: nothing fetches, requests or connects by itself', () => {
    const form =
      /(?<![#.\w])fetch\(|import \{[^}]*\b(request|get|connect|createConnection|Socket)\b[^}]*\} from 'node:(https?|net|tls|http2|dgram)'|\* as \w+ from 'node:(https?|net|tls|http2|dgram)'/;
    const found = [...modules].filter(([, text]) => form.test(text.replace(/^import type .*$/gm, '')));
    assert.deepEqual(
      found.map(([path]) => path),
      [],
    );
  });
});
