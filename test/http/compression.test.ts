import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import type { ApiResponse } from '../../functions/src/http/route.ts';
import { ManualClock } from '../support/clock.ts';
import { serveRoutes, type TestServer } from '../support/http.ts';
import { memoryLogger } from '../support/logger.ts';

const tasks = Array.from({ length: 4 }, (_, index) => ({
  task_id: `task-${index}`,
  text: 'Grüße '.repeat(20),
}));
const text = JSON.stringify(tasks);

describe('Compression of answers that are shared', () => {
  let server: TestServer;
  let outcome: ApiResponse;

  before(async () => {
    const handle = async (): Promise<ApiResponse> => outcome;
    server = await serveRoutes([{ method: 'GET', path: '/v1/polled', access: ['miner'], handle }], {
      clock: new ManualClock(),
      logger: memoryLogger(),
    });
  });
  after(() => server.close());
  beforeEach(() => {
    outcome = { status: 200, json: tasks, sharedSeconds: 5 };
  });

  /** The answer as it comes over the wire. */
  const ask = async (
    acceptEncoding?: string,
  ): Promise<{ headers: IncomingMessage['headers']; body: Buffer }> => {
    const asked = request(`${server.url}/v1/polled`, {
      headers: {
        'x-api-key': 'miner-key',
        ...(acceptEncoding === undefined ? {} : { 'accept-encoding': acceptEncoding }),
      },
    }).end();
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    return { headers: answer.headers, body: await buffer(answer) };
  };

  it('is gzip for who takes it, as httpx, browsers and curl say so', async () => {
    for (const accepted of [
      'gzip, deflate',
      'gzip, deflate, br, zstd',
      'br;q=1.0, GZIP;q=0.5',
      'deflate,gzip',
    ]) {
      const { headers, body } = await ask(accepted);
      assert.equal(headers['content-encoding'], 'gzip', accepted);
      assert.equal(gunzipSync(body).toString(), text);
      assert.equal(headers['content-length'], String(body.length));
      assert.equal(headers['content-type'], 'application/json');
      assert.ok(body.length < text.length / 2);
    }
  });

  it('is none for who does not', async () => {
    for (const accepted of [undefined, '', 'identity', 'br', 'gzip;q=0', 'gzip; q=0.000, br', 'x-gzipped']) {
      const { headers, body } = await ask(accepted);
      assert.equal(headers['content-encoding'], undefined, accepted);
      assert.equal(body.toString(), text);
    }
  });

  it('tells caches that answers differ by it, beside the headers of keys', async () => {
    for (const accepted of ['gzip', 'identity'])
      assert.equal((await ask(accepted)).headers.vary, 'x-api-key, authorization, accept-encoding');
  });

  it('leaves a short body as it is for all', async () => {
    outcome = { ...outcome, json: [{ text: 'x'.repeat(180) }] };
    const { headers, body } = await ask('gzip');
    assert.deepEqual([headers['content-encoding'], headers.vary], [undefined, 'x-api-key, authorization']);
    assert.deepEqual(JSON.parse(body.toString()), outcome.json);
  });

  it('is used with POLL_CACHE_SECONDS=0 too, and not where a route says nothing of caches', async () => {
    outcome = { ...outcome, sharedSeconds: 0 };
    const { headers } = await ask('gzip');
    assert.deepEqual([headers['content-encoding'], headers['cache-control']], ['gzip', 'private, no-store']);
    outcome = { status: 200, json: tasks };
    assert.equal((await ask('gzip')).headers['content-encoding'], undefined);
  });

  it('takes a body that is too long to be compressed at once', async () => {
    outcome = { ...outcome, json: Array.from({ length: 4_000 }, () => tasks[0]) };
    const { headers, body } = await ask('gzip');
    assert.equal(headers['content-encoding'], 'gzip');
    assert.deepEqual(JSON.parse(gunzipSync(body).toString()), outcome.json);
  });

  it('compresses a long body once that is given again as the same bytes', async () => {
    const bytes = Buffer.from(text.repeat(1_000));
    outcome = { ...outcome, json: bytes, headers: { 'content-type': 'application/json' } };
    const first = (await ask('gzip')).body;
    assert.equal(gunzipSync(first).toString(), text.repeat(1_000));
    // Nobody changes them; who looks at them again would see it.
    bytes.fill(0);
    assert.deepEqual((await ask('gzip')).body, first);
    outcome = { ...outcome, json: Buffer.from(bytes) };
    assert.deepEqual(gunzipSync((await ask('gzip')).body), bytes);
  });
});
