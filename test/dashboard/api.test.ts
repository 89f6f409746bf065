import assert from 'node:assert/strict';
import { signInTrouble } from '../../dashboard/src/app/signInTrouble.ts';
import { type ApiError, apiClient, canBeKey } from '../../dashboard/src/feed/api.ts';
import { startMs } from '../support/clock.ts';

describe('the page’s client of the API', () => {
  type Sent = { path: string; init: RequestInit };
  let sent: Sent[];
  let isUnknown: boolean;
  let times: [serverMs: number, browserMs: number][];

  beforeEach(() => {
    sent = [];
    times = [];
    isUnknown = false;
  });

  function client(answer: () => Response | Promise<Response>) {
    return apiClient({
      key: 'a-key',
      fetch: async (path, init) => {
        sent.push({ path, init });
        return answer();
      },
      now: () => startMs,
      onTime: (...time) => times.push(time),
      onUnknownKey: () => {
        isUnknown = true;
      },
    });
  }
  const failing = async (answer: () => Response | Promise<Response>): Promise<ApiError> =>
    client(answer)
      .get('/v1/status')
      .then(
        () => assert.fail('It did not fail.'),
        (error: ApiError) => error,
      );
  const problem = (status: number, code: string, headers: Record<string, string> = {}): Response =>
    Response.json({ status, code, detail: `It is ${code}.` }, { status, headers });

  it('sends the key in a header, nowhere else, and no cookies', async () => {
    assert.deepEqual(await client(() => Response.json({ a: 1 })).get('/v1/status'), { a: 1 });
    const [{ path, init } = assert.fail()] = sent;
    assert.equal(path, '/v1/status');
    assert.equal(new Headers(init.headers).get('x-api-key'), 'a-key');
    assert.deepEqual([init.credentials, init.cache, init.redirect], ['omit', 'no-store', 'error']);
  });

  it('sends JSON, and takes an answer without a body', async () => {
    const empty = client(() => new Response(null, { status: 204 }));
    assert.equal(await empty.send('DELETE', '/v1/keys/1'), undefined);
    await client(() => Response.json({})).send('POST', '/v1/queue/pause', { until: 'x' });
    assert.deepEqual(
      sent.map(({ init }) => [init.method, init.body, new Headers(init.headers).get('content-type')]),
      [
        ['DELETE', undefined, null],
        ['POST', '{"until":"x"}', 'application/json'],
      ],
    );
  });

  it('tells the server’s time', async () => {
    const date = new Date(startMs + 90_000).toUTCString();
    await client(() => Response.json({}, { headers: { date } })).get('/v1/status');
    assert.deepEqual(times, [[startMs + 90_500, startMs]]);
  });

  it('says of an unknown key that it is one', async () => {
    const error = await failing(() => problem(401, 'unauthenticated'));
    assert.deepEqual([error.status, error.code, isUnknown], [401, 'unauthenticated', true]);
    assert.match(signInTrouble(error), /does not know this key/);
  });

  it('passes on why a key may not, and what refuses for now', async () => {
    const forbidden = await failing(() => problem(403, 'forbidden'));
    assert.equal(isUnknown, false);
    assert.match(signInTrouble(forbidden), /It is forbidden\. Take a key of role read, proxy or admin/);
    const busy = await failing(() => problem(503, 'unavailable', { 'retry-after': '7' }));
    assert.deepEqual([busy.message, busy.retryAfterMs], ['It is unavailable.', 7000]);
    assert.match(signInTrouble(busy), /cannot answer now.*not judged/);
  });

  it('makes something of answers that are not Sluice’s: pages of HTML, half ones, odd Retry-After', async () => {
    const html = await failing(
      () => new Response('<p>502</p>', { status: 502, headers: { 'retry-after': 'Wed' } }),
    );
    assert.deepEqual(
      [html.status, html.code, html.message, html.retryAfterMs],
      [502, 'unexpected', 'The answer is 502.', undefined],
    );
    assert.equal((await failing(() => new Response('<p>hello</p>'))).code, 'not_json');
    assert.equal((await failing(() => Response.json('x', { status: 500 }))).code, 'unexpected');
    const cut = new ReadableStream({ start: (controller) => controller.error(new TypeError('cut')) });
    assert.equal((await failing(() => new Response(cut))).code, 'unreachable');
  });

  it('tells a time that ran out from nobody that answers', async () => {
    const late = await failing(() => Promise.reject(new DOMException('late', 'TimeoutError')));
    assert.deepEqual([late.status, late.code], [0, 'timeout']);
    const nobody = await failing(() => Promise.reject(new TypeError('Failed to fetch')));
    assert.deepEqual([nobody.status, nobody.code], [0, 'unreachable']);
    assert.match(signInTrouble(nobody), /not judged/);
    assert.match(signInTrouble(new Error('a fault of ours')), /Load it again/);
  });

  it('takes only for a key what a header can carry', () => {
    for (const key of ['local-admin-key', 'sluice_A-_9', '!~']) assert.equal(canBeKey(key), true, key);
    for (const key of ['', 'two words', 'a\nb', 'schlüssel', 'x'.repeat(513)])
      assert.equal(canBeKey(key), false);
  });
});
