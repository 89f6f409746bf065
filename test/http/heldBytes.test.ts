import assert from 'node:assert/strict';
import { httpHandler } from '../../functions/src/http/handler.ts';
import { HeldBytes } from '../../functions/src/http/heldBytes.ts';
import type { ApiResponse } from '../../functions/src/http/route.ts';
import { countingIds, ManualClock, memoryLogger, serve } from './support.ts';

/** Work that ends when a test says so. */
function work(): { run: () => Promise<void>; end: () => void; isStarted: () => boolean } {
  const { promise, resolve } = Promise.withResolvers<void>();
  let started = false;
  const run = (): Promise<void> => {
    started = true;
    return promise;
  };
  return { run, end: () => resolve(), isStarted: () => started };
}

const full = { name: 'AppError', code: 'unavailable', retryAfterSeconds: 1 };

describe('bytes of bodies being handled', () => {
  it('are bounded: what does not fit beside them is refused before its work begins, until some are done', async () => {
    const held = new HeldBytes(10);
    const [first, second, third] = [work(), work(), work()];
    const running = held.during(6, first.run);
    await assert.rejects(held.during(5, second.run), full);
    assert.equal(second.isStarted(), false);
    const beside = held.during(4, second.run);
    first.end();
    await running;
    const last = held.during(6, third.run);
    second.end();
    third.end();
    await Promise.all([beside, last]);
  });

  it('are free again when the work fails', async () => {
    const held = new HeldBytes(10);
    await assert.rejects(
      held.during(10, () => Promise.reject(new Error('failed'))),
      /failed/,
    );
    assert.equal(await held.during(10, async () => 'done'), 'done');
  });

  it('may be more than the bound where nothing else is being handled', async () => {
    assert.equal(await new HeldBytes(10).during(11, async () => 'done'), 'done');
  });

  it('past the bound, a request is answered 503 with when to come back', async () => {
    const waiting = work();
    const handler = httpHandler({
      routes: [
        {
          method: 'POST',
          path: '/v1/things',
          access: 'public',
          handle: async (): Promise<ApiResponse> => {
            await waiting.run();
            return { status: 200 };
          },
        },
      ],
      authenticator: { authenticate: () => Promise.reject(new Error('not asked')) },
      logger: memoryLogger(),
      clock: new ManualClock(),
      ids: countingIds(),
      limits: { maxHeldBytes: 10 },
    });
    const server = await serve(handler);
    try {
      const post = () => server.call('/v1/things', { method: 'POST', body: '0123456' });
      const first = post();
      const second = await Promise.race([first, post()]);
      assert.deepEqual([second.status, second.headers.get('retry-after')], [503, '1']);
      waiting.end();
      await first;
    } finally {
      waiting.end();
      await server.close();
    }
  });
});
