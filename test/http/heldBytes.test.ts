import assert from 'node:assert/strict';
import { httpHandler } from '../../functions/src/http/handler.ts';
import { HeldBytes } from '../../functions/src/http/heldBytes.ts';
import type { ApiResponse } from '../../functions/src/http/route.ts';
import { ManualClock } from '../support/clock.ts';
import { serve } from '../support/http.ts';
import { countingIds } from '../support/ids.ts';
import { memoryLogger } from '../support/logger.ts';

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
  it('are bounded: what does not fit beside the others is refused as it comes, until some are gone', () => {
    const held = new HeldBytes(10);
    const [first, second, third] = [held.begin(), held.begin(), held.begin()];
    first.add(4);
    first.add(2);
    assert.throws(() => second.add(5), full);
    second.add(4);
    assert.throws(() => first.add(1), full);
    first.end();
    third.add(6);
    second.end();
    third.add(4);
  });

  it('are free again once, however often that is said', () => {
    const held = new HeldBytes(10);
    const [first, second] = [held.begin(), held.begin()];
    first.add(10);
    first.end();
    first.end();
    second.add(10);
    assert.throws(() => first.add(1), full);
  });

  it('may be more than the bound where nothing else is being handled', () => {
    const alone = new HeldBytes(10).begin();
    alone.add(6);
    alone.add(6);
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
      authenticator: {
        authenticate: () => Promise.reject(new Error('not asked')),
        admit: () => {},
        keyHeaders: [],
      },
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
