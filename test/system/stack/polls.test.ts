import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { type LocalStack, startStack } from '../../../local/stack.ts';

// Off the cloud, the client would look for a metadata server.
process.env['METADATA_SERVER_DETECTION'] ??= 'none';

for (const cacheSeconds of [5, 30]) {
  describe(`A poll through Hosting, POLL_CACHE_SECONDS=${cacheSeconds}`, () => {
    let stack: LocalStack;

    before(async () => {
      const env = { POLL_CACHE_SECONDS: String(cacheSeconds) };
      stack = await startStack({ ports: 'free', quiet: true, env });
    });
    after(() => stack.close());

    const call = (path: string, key: string | undefined, init: RequestInit = {}): Promise<Response> =>
      fetch(stack.urls.hosting + path, {
        ...init,
        headers: {
          ...(key && { 'X-API-Key': key }),
          ...(init.body && { 'content-type': 'application/json' }),
        },
      });
    const poll = async (uid: number, key?: string): Promise<{ status: number; hit: boolean }> => {
      const { status, headers } = await call(`/api/v1/miners/${uid}/tasks?status=assigned`, key);
      return { status, hit: headers.get('x-cache') === 'HIT' };
    };
    const make = async (binding: object): Promise<{ id: string; key: string }> => {
      const body = JSON.stringify({ role: 'miner', ...binding });
      const answer = await call('/v1/keys', stack.keys['admin'], { method: 'POST', body });
      assert.equal(answer.status, 201);
      return (await answer.json()) as { id: string; key: string };
    };

    it('is answered from the copy for the same key only', async () => {
      const [of7, of8] = [await make({ uids: [7] }), await make({ uids: [8] })];
      await stack.advance(10_000);
      // A first answer that comes late, as its function starts, is not kept.
      for (let tries = 0; tries < 6 && !(await poll(7, of7.key)).hit; tries += 1)
        if (tries % 2 === 1) await stack.advance(cacheSeconds * 1000);
      assert.deepEqual(await poll(7, of7.key), { status: 200, hit: true });
      assert.equal((await poll(7, of8.key)).status, 403);
      assert.equal((await poll(7, 'unknown')).status, 401);
      assert.equal((await poll(7)).status, 401);
      assert.deepEqual(await poll(7, of7.key), { status: 200, hit: true });
    });

    it('is refused within 60 s of its key’s revocation, however often it is asked', async () => {
      const { id, key } = await make({ uids: [3] });
      await stack.advance(10_000);
      assert.equal((await poll(3, key)).status, 200);
      const direct = `${stack.urls.functions}/sluice-api/api/v1/miners/3/tasks`;
      const statusOf = async (url: string) => (await fetch(url, { headers: { 'X-API-Key': key } })).status;
      assert.equal(await statusOf(direct), 200);
      const revoked = await call(`/v1/keys/${id}`, stack.keys['admin'], { method: 'DELETE' });
      assert.equal(revoked.status, 204);
      for (let second = 0; second < 60; second += 1) {
        await poll(3, key);
        await stack.advance(1000);
      }
      assert.equal((await poll(3, key)).status, 401);
      assert.equal(await statusOf(direct), 401);
    });

    if (cacheSeconds === 30) testAnswers(() => stack);
  });
}

describe('The first poll of an instance', () => {
  it('waits for its lease where Firestore, or a small CPU, is slow', async () => {
    const stack = await startStack({ ports: 'free', quiet: true, latencies: { firestore: { '*': 900 } } });
    try {
      const { status } = await fetch(`${stack.urls.hosting}/api/v1/miners/7/tasks?status=assigned`, {
        headers: { 'X-API-Key': stack.keys['read'] ?? '' },
      });
      assert.equal(status, 200);
    } finally {
      await stack.close();
    }
  });
});

/** Tests of what an answer is over the wire, where Hosting keeps it for long. */
function testAnswers(running: () => LocalStack): void {
  /** The answer as it comes over the wire, and the bytes that Hosting is billed for. */
  const poll = async (headers: Record<string, string> = {}) => {
    running().resetUsage();
    const path = '/api/v1/miners/7/tasks?status=assigned';
    const asked = request(running().urls.hosting + path, {
      headers: { 'x-api-key': running().keys['miner'] ?? '', ...headers },
      agent: false,
    }).end();
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    const body = await buffer(answer);
    const { 'content-encoding': encoding, 'x-cache': cached } = answer.headers;
    return { encoding, isCopy: cached === 'HIT', body, billedBytes: running().usage().hosting.bytes };
  };
  /** Asks until Hosting has a copy: a first answer that comes late, as its function starts, is not kept. */
  const copied = async (headers?: Record<string, string>): ReturnType<typeof poll> => {
    for (let tries = 0; tries < 6; tries += 1) {
      const answer = await poll(headers);
      if (answer.isCopy) return answer;
    }
    throw new Error('Hosting has no copy.');
  };

  it('is compressed for who takes gzip, and costs the fewer bytes; others read it as ever', async () => {
    const lines = [1, 2, 3].map((index) => ({
      type: 'task',
      task_type: 'tts',
      assigned_miners: [7],
      metadata: { note: `Take ${index} of the harbour text, slowly, with pauses between its sentences.` },
      visibility: 'prompt',
    }));
    const sent = await fetch(`${running().urls.hosting}/v1/events`, {
      method: 'POST',
      headers: { 'x-api-key': running().keys['ingest'] ?? '', 'content-type': 'application/x-ndjson' },
      body: lines.map((line) => JSON.stringify(line)).join('\n'),
    });
    assert.equal(sent.status, 202);
    await running().advance(10_000);
    const [plain, gzip] = [await copied(), await copied({ 'accept-encoding': 'gzip, deflate' })];
    assert.deepEqual([plain.encoding, gzip.encoding], [undefined, 'gzip']);
    assert.equal(gunzipSync(gzip.body).toString(), plain.body.toString());
    assert.equal(JSON.parse(plain.body.toString()).length, 3);
    const saved = plain.body.length - gzip.body.length;
    assert.ok(saved > plain.body.length / 2, `${saved} of ${plain.body.length} bytes`);
    assert.ok(plain.billedBytes - gzip.billedBytes > saved - 50);
    assert.equal((await copied()).encoding, undefined);
    const client = await fetch(`${running().urls.hosting}/api/v1/miners/7/tasks?status=assigned`, {
      headers: { 'x-api-key': running().keys['miner'] ?? '' },
    });
    assert.deepEqual(await client.json(), JSON.parse(plain.body.toString()));
  });
}
