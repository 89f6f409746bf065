import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { httpHandler } from '../../functions/src/http/handler.ts';
import type { HttpLimits } from '../../functions/src/http/limits.ts';
import type { ApiRequest, ApiResponse, ServedRoute } from '../../functions/src/http/route.ts';
import { DocumentError } from '../../functions/src/platform/documents.ts';
import { AppError } from '../../functions/src/platform/errors.ts';
import { ManualClock } from '../support/clock.ts';
import { keyedHandler, serve, serveRoutes, type TestServer } from '../support/http.ts';
import { countingIds } from '../support/ids.ts';
import { memoryLogger } from '../support/logger.ts';

const key = { 'x-api-key': 'ingest-key' };

describe('HTTP handler', () => {
  const seen: ApiRequest[] = [];
  const clock = new ManualClock();
  const logger = memoryLogger();
  let outcome: () => ApiResponse | Promise<ApiResponse> = () => ({ status: 200, json: { fine: true } });
  let server: TestServer;

  const handle = async (request: ApiRequest): Promise<ApiResponse> => {
    seen.push(request);
    return outcome();
  };
  const routes: ServedRoute[] = [
    { method: 'GET', path: '/v1/things/:id', access: ['ingest', 'read'], handle },
    { method: 'POST', path: '/v1/things/:id', access: ['ingest'], handle },
    { method: 'DELETE', path: '/v1/things/:id', access: ['ingest'], handle },
    { method: 'POST', path: '/v1/things', access: ['ingest'], handle },
    { method: 'GET', path: '/healthz', access: 'public', handle },
  ];

  const start = (limits: Partial<HttpLimits>): Promise<TestServer> =>
    serveRoutes(routes, { clock, logger, limits });

  before(async () => {
    server = await start({ maxBodyBytes: 1000 });
  });
  after(() => server.close());
  beforeEach(() => {
    seen.length = 0;
    logger.lines.length = 0;
    outcome = () => ({ status: 200, json: { fine: true } });
  });

  it('hands over method, path, parameters, query, headers, body and caller', async () => {
    await server.call('/v1/things/a%20b?x=1&x=2', {
      method: 'POST',
      headers: { ...key, 'X-Thing': 'T' },
      body: 'hello',
    });
    const [request] = seen;
    assert.ok(request);
    assert.equal(request.method, 'POST');
    assert.equal(request.path, '/v1/things/a%20b');
    assert.deepEqual(request.params, { id: 'a b' });
    assert.deepEqual(request.query.getAll('x'), ['1', '2']);
    assert.equal(request.header('x-thing'), 'T');
    assert.equal(request.header('x-none'), undefined);
    assert.equal(request.body.toString(), 'hello');
    assert.deepEqual(request.caller, { keyId: 'first-ingest', role: 'ingest' });
  });

  it('gives every answer a request id and forbids caching, errors too', async () => {
    for (const path of ['/v1/things/1', '/nowhere', '/healthz']) {
      const answer = await server.call(path, { headers: key });
      assert.match(answer.headers.get('x-request-id') ?? '', /^0{8}-/);
      assert.equal(answer.headers.get('cache-control'), 'private, no-store');
    }
  });

  it('lets Hosting give an answer again to the same key, for as long as the route says', async () => {
    outcome = () => ({ status: 200, json: {}, sharedSeconds: 5 });
    const { headers } = await server.call('/v1/things/1', { headers: key });
    assert.equal(headers.get('cache-control'), 'public, max-age=0, s-maxage=5');
    assert.equal(headers.get('vary'), 'x-api-key, authorization');
  });

  it('lets nobody keep what is no 200, was asked without a key, is not shared or took longer than a second', async () => {
    const cachingOf = async (path: string, made: typeof outcome): Promise<unknown[]> => {
      outcome = made;
      const { headers } = await server.call(path, { headers: key });
      return [headers.get('cache-control'), headers.get('vary')];
    };
    const sharing = { status: 200, json: {}, sharedSeconds: 5 };
    const never = ['private, no-store', null];
    assert.deepEqual(await cachingOf('/healthz', () => sharing), never);
    assert.deepEqual(await cachingOf('/v1/things/1', () => ({ ...sharing, sharedSeconds: 0 })), never);
    for (const status of [201, 304, 400, 403, 404, 429, 503])
      assert.deepEqual(await cachingOf('/v1/things/1', () => ({ ...sharing, status })), never, `${status}`);
    const late = async (): Promise<ApiResponse> => {
      await clock.advance(1001);
      return sharing;
    };
    assert.deepEqual(await cachingOf('/v1/things/1', late), never);
  });

  it('keeps a sane request id of the caller and replaces any other', async () => {
    const ask = async (id: string): Promise<string | null> =>
      (await server.call('/healthz', { headers: { 'X-Request-Id': id } })).headers.get('x-request-id');
    assert.equal(await ask('call-7.a:b'), 'call-7.a:b');
    assert.equal(await ask('x'.repeat(128)), 'x'.repeat(128));
    assert.match((await ask('x'.repeat(129))) ?? '', /^0{8}-/);
    assert.match((await ask('a b')) ?? '', /^0{8}-/);
  });

  it('answers an unknown route with a problem, 404', async () => {
    const answer = await server.call('/v1/nothing', { headers: { 'X-Request-Id': 'r1' } });
    assert.equal(answer.status, 404);
    assert.equal(answer.headers.get('content-type'), 'application/problem+json');
    assert.deepEqual(answer.json, {
      type: 'about:blank',
      title: 'Not Found',
      status: 404,
      code: 'not_found',
      detail: 'There is no such route.',
      request_id: 'r1',
    });
    for (const path of ['/v1/things/', '/v1/things/1/2', '/V1/things', '//v1/things']) {
      assert.equal((await server.call(path)).status, 404, path);
    }
  });

  it('answers the wrong method with 405 and the right ones', async () => {
    const answer = await server.call('/v1/things/1', { method: 'PUT', headers: key });
    assert.equal(answer.status, 405);
    assert.equal(answer.json['code'], 'method_not_allowed');
    assert.equal(answer.headers.get('allow'), 'GET, HEAD, POST, DELETE');
  });

  it('refuses a path that cannot be decoded', async () => {
    assert.equal((await server.call('/v1/things/%zz', { headers: key })).status, 400);
  });

  it('answers HEAD as GET, without the body', async () => {
    const [get, head] = [
      await server.call('/v1/things/1', { headers: key }),
      await server.call('/v1/things/1', { method: 'HEAD', headers: key }),
    ];
    assert.equal(head.status, 200);
    assert.equal(head.text, '');
    assert.equal(head.headers.get('content-length'), get.headers.get('content-length'));
  });

  it('sends text and bytes under their own content type as they are', async () => {
    outcome = () => ({ status: 200, json: '<p>hi</p>', headers: { 'Content-Type': 'text/html' } });
    const html = await server.call('/healthz');
    assert.equal(html.headers.get('content-type'), 'text/html');
    assert.equal(html.text, '<p>hi</p>');
    outcome = () => ({ status: 200, json: 'text' });
    assert.equal((await server.call('/healthz')).text, '"text"');
    outcome = () => ({ status: 204 });
    const empty = await server.call('/v1/things/1', { method: 'DELETE', headers: key });
    assert.equal(empty.status, 204);
    assert.equal(empty.headers.get('content-type'), null);
  });

  it('says of a retryable failure when to come back, and logs it with the request id only', async () => {
    outcome = () => {
      throw new AppError('unavailable', 'Not now.', { retryAfterSeconds: 7 });
    };
    const answer = await server.call('/v1/things', { method: 'POST', headers: key, body: 'private' });
    assert.equal(answer.status, 503);
    assert.equal(answer.headers.get('retry-after'), '7');
    assert.equal(answer.json['detail'], 'Not now.');
    const [line, ...others] = logger.lines;
    assert.equal(others.length, 0);
    assert.equal(line?.severity, 'ERROR');
    assert.equal(line?.fields['request_id'], answer.headers.get('x-request-id'));
    assert.doesNotMatch(JSON.stringify(line), /private|ingest-key/);
  });

  it('says of an outage of Firestore when to come back, and nothing of its inside', async () => {
    for (const [options, seconds] of [
      [{}, '5'],
      [{ retryAtMs: clock.now() + 89_500 }, '90'],
    ] as const) {
      outcome = () => {
        throw new DocumentError('no_quota', 'a lease ended', options);
      };
      const { status, headers, json, text } = await server.call('/v1/things/1', { headers: key });
      assert.deepEqual([status, headers.get('retry-after'), json['code']], [503, seconds, 'unavailable']);
      assert.doesNotMatch(text, /lease/);
    }
    outcome = () => {
      throw new DocumentError('invalid', 'a name that is none');
    };
    assert.equal((await server.call('/v1/things/1', { headers: key })).status, 500);
  });

  it('logs an unknown error whole and answers it opaquely', async () => {
    const error = new Error('secret of the house');
    outcome = () => {
      throw error;
    };
    const answer = await server.call('/v1/things/1', { headers: key });
    assert.equal(answer.status, 500);
    assert.equal(answer.json['code'], 'internal');
    assert.doesNotMatch(answer.text, /secret/);
    assert.equal(logger.lines[0]?.fields['error'], error);
  });

  it('answers 500 for an answer that cannot be written as JSON', async () => {
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    outcome = () => ({ status: 200, json: circle });
    assert.equal((await server.call('/healthz')).status, 500);
  });

  it('does not log what the caller did wrong', async () => {
    await server.call('/v1/nothing');
    await server.call('/v1/things/1');
    assert.deepEqual(logger.lines, []);
  });

  it('takes a body of the limit, refuses one byte more, announced or not', async () => {
    const post = (body: string | ReadableStream): Promise<number> =>
      server
        .call('/v1/things', { method: 'POST', headers: key, body, duplex: 'half' } as RequestInit)
        .then(({ status }) => status);
    assert.equal(await post('x'.repeat(1000)), 200);
    assert.equal(await post('x'.repeat(1001)), 413);
    assert.equal(await post(new Blob(['x'.repeat(1000)]).stream()), 200);
    assert.equal(await post(new Blob(['x'.repeat(1001)]).stream()), 413);
    assert.equal(seen.length, 2);
  });

  it('takes a body in pieces of any size, its length announced or not', async () => {
    const bounded = await start({ maxBodyBytes: 400_000 });
    try {
      const body = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));
      const pieces = [1, 0, 7, 70_000, 1, 229_991].map((length, index, all) => {
        const from = all.slice(0, index).reduce((sum, each) => sum + each, 0);
        return body.subarray(from, from + length);
      });
      for (const length of [{}, { 'content-length': body.length }]) {
        const sent = httpRequest(`${bounded.url}/v1/things`, {
          method: 'POST',
          headers: { ...key, ...length },
        });
        for (const piece of pieces) await new Promise((resolve) => sent.write(piece, resolve));
        sent.end();
        const [answer] = await once(sent, 'response');
        answer.resume();
        assert.equal(answer.statusCode, 200);
        assert.ok(seen.pop()?.body.equals(body));
      }
    } finally {
      await bounded.close();
    }
  });

  it('answers what it refuses before the body is there, and lets the rest come for 5 s', async () => {
    const head = 'POST /v1/things HTTP/1.1\r\nHost: x\r\nConnection: close\r\n';
    for (const [headers, status] of [
      ['Content-Length: 100', 401],
      ['Transfer-Encoding: chunked', 401],
      ['X-API-Key: read-key\r\nContent-Length: 100', 403],
      ['X-API-Key: ingest-key\r\nContent-Length: 1001', 413],
    ] as const) {
      const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
      socket.write(`${head}${headers}\r\n\r\n`);
      const [answer] = await once(socket, 'data');
      assert.match(String(answer), new RegExp(`^HTTP/1.1 ${status} .*"request_id":"[^"]+"}$`, 's'));
      await new Promise((resolve) => socket.write('some', resolve));
      assert.equal(socket.closed, false);
      // The end of it may be a reset: it is for one who does not stop.
      const closed = new Promise((resolve) => socket.on('error', resolve).once('close', resolve));
      await clock.advance(5000);
      await closed;
    }
    assert.equal(clock.pendingTimers, 0);
  });

  it('refuses an encoded body', async () => {
    const headers = { ...key, 'content-encoding': 'gzip' };
    const answer = await server.call('/v1/things', { method: 'POST', headers, body: 'x' });
    assert.equal(answer.status, 415);
  });

  it('takes the body the framework has read, within the limit', async () => {
    const handler = keyedHandler(routes, { clock, logger, limits: { maxBodyBytes: 10 } });
    const framework = await serve(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      await handler(Object.assign(request, { rawBody: Buffer.concat(chunks) }), response);
    });
    try {
      const post = (body: string) => framework.call('/v1/things', { method: 'POST', headers: key, body });
      assert.equal((await post('0123456789')).status, 200);
      assert.equal(seen[0]?.body.toString(), '0123456789');
      const chunked = new Blob(['0123456789a']).stream();
      const init = { method: 'POST', headers: key, body: chunked, duplex: 'half' } as RequestInit;
      assert.equal((await framework.call('/v1/things', init)).status, 413);
    } finally {
      await framework.close();
    }
  });

  it('reads no body for GET', async () => {
    const request = httpRequest(`${server.url}/v1/things/1`, {
      method: 'GET',
      headers: { ...key, 'content-length': 6 },
    });
    request.end('a body');
    const [response] = await once(request, 'response');
    response.resume();
    assert.equal(response.statusCode, 200);
    assert.equal(seen[0]?.body.length, 0);
  });

  it('survives a caller who goes away halfway', async () => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.write(
      'POST /v1/things HTTP/1.1\r\nHost: x\r\nX-API-Key: ingest-key\r\nContent-Length: 100\r\n\r\nhalf',
    );
    await once(socket, 'connect');
    socket.end();
    socket.resume();
    await once(socket, 'close');
    assert.equal(seen.length, 0);
    assert.equal((await server.call('/healthz')).status, 200);
  });

  it('limits the rate of each key by itself and says when to come back', async () => {
    const requestsPerSecond = { miner: 1, validator: 1, ingest: 1, proxy: 1, read: 1, admin: 1 };
    const limited = await serveRoutes(routes, { clock, logger, requestsPerSecond });
    try {
      const ask = (apiKey: string) => limited.call('/v1/things/1', { headers: { 'x-api-key': apiKey } });
      assert.equal((await ask('ingest-key')).status, 200);
      assert.equal((await ask('ingest-key')).status, 200);
      const refused = await ask('ingest-key');
      assert.equal(refused.status, 429);
      assert.equal(refused.headers.get('retry-after'), '1');
      assert.equal((await ask('read-key')).status, 200);
      assert.equal((await limited.call('/healthz')).status, 200);
      await clock.advance(1000);
      assert.equal((await ask('ingest-key')).status, 200);
      assert.equal((await ask('ingest-key')).status, 429);
    } finally {
      await limited.close();
    }
  });

  it('refuses two routes of the same method and path', () => {
    const authenticator = {
      authenticate: () => Promise.reject(new Error('not asked')),
      admit: () => {},
      keyHeaders: [],
    };
    const twice = [...routes, ...routes];
    assert.throws(
      () => httpHandler({ routes: twice, authenticator, logger, clock, ids: countingIds() }),
      /two routes/,
    );
  });
});
