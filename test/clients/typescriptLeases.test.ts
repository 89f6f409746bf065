import assert from 'node:assert/strict';
import { ApiError, Sluice, Unavailable } from '../../clients/typescript/src/index.ts';
import { ManualClock } from '../support/clock.ts';

interface Asked {
  method: string;
  path: string;
  body: { writes: number; renew?: { lease_id: string; spent: object }; spent?: object };
}

/** Stands for Sluice: grants what is asked for, for a minute, unless the test has another answer. */
class Ledger {
  readonly asked: Asked[] = [];
  readonly answers: Response[] = [];
  granted = 1;

  readonly fetch: typeof fetch = async (address, init) => {
    const body = JSON.parse(String(init?.body)) as Asked['body'];
    this.asked.push({ method: init?.method ?? '', path: new URL(String(address)).pathname, body });
    return this.answers.shift() ?? (init?.method === 'POST' ? this.#grant(body.writes) : new Response(null));
  };

  #grant(writes: number): Response {
    const granted = { writes: Math.floor(writes * this.granted), reads: 0, deletes: 0 };
    return Response.json({
      lease_id: `lease ${this.asked.length}`,
      granted,
      per_second: { writes: granted.writes / 60, reads: 0, deletes: 0 },
      starts_at: '2026-03-01T12:00:00.000Z',
      expires_at: '2026-03-01T12:01:00.000Z',
    });
  }
}

const refusal = (status: number, code: string, headers: Record<string, string> = {}): Response =>
  Response.json({ code, detail: 'no' }, { status, headers });

describe("the TypeScript client's leases", () => {
  let ledger: Ledger;
  let clock: ManualClock;
  let client: Sluice;
  beforeEach(() => {
    ledger = new Ledger();
    clock = new ManualClock();
    client = new Sluice({
      url: 'http://sluice.test',
      key: 'a-key',
      outbox: null,
      fetch: ledger.fetch,
      clock,
    });
  });

  /** Moves the clock on until something is over; answers the milliseconds that took. */
  async function timed(work: Promise<unknown>): Promise<number> {
    const startMs = clock.now();
    let isOver = false;
    const watched = work.finally(() => {
      isOver = true;
    });
    watched.catch(() => undefined);
    for (await clock.advance(0); !isOver; await clock.advance(100))
      assert.ok(clock.now() < startMs + 600_000);
    await watched;
    return clock.now() - startMs;
  }

  it('are taken when something is spent, and what is left is given back', async () => {
    {
      await using lease = client.lease({ writes: 60 });
      assert.equal(ledger.asked.length, 0);
      await timed(Promise.all([1, 2, 3].map((writes) => lease.spend({ writes }))));
    }
    assert.deepEqual(
      ledger.asked.map(({ method, path }) => `${method} ${path}`),
      ['POST /v1/quota/leases', 'DELETE /v1/quota/leases/lease%201'],
    );
    assert.deepEqual(
      ledger.asked.map(({ body }) => body),
      [{ writes: 60, reads: 0, deletes: 0, ttl_s: 60 }, { spent: { writes: 6, reads: 0, deletes: 0 } }],
    );
  });

  it('are never spent faster than their rate', async () => {
    const lease = client.lease({ writes: 60 });
    assert.equal(
      await timed(Promise.all(Array.from({ length: 11 }, () => lease.spend({ writes: 1 })))),
      10_000,
    );
  });

  it('are renewed when they are spent or end, and not while nothing is spent', async () => {
    const lease = client.lease({ writes: 60 });
    await timed(lease.spend({ writes: 50 }));
    await timed(lease.spend({ writes: 20 }));
    await clock.advance(100_000);
    assert.equal(ledger.asked.length, 2);
    await timed(lease.spend({ writes: 1 }));
    assert.deepEqual(
      ledger.asked.map(({ body }) => body.renew),
      [undefined, { lease_id: 'lease 1', spent: { writes: 50, reads: 0, deletes: 0 } }, undefined],
    );
  });

  it('are waited for where they are refused, as long as the caller may', async () => {
    ledger.answers.push(refusal(429, 'rate_limited', { 'Retry-After': '7' }));
    assert.equal(await timed(client.lease({ writes: 1 }).spend({ writes: 1 })), 7000);
    ledger.answers.push(refusal(429, 'rate_limited', { 'Retry-After': '7' }));
    await assert.rejects(client.lease({ writes: 1 }).spend({ writes: 1 }, { timeoutMs: 5000 }), Unavailable);
    ledger.granted = 0;
    await assert.rejects(
      timed(client.lease({ writes: 1 }).spend({ writes: 1 }, { timeoutMs: 5000 })),
      Unavailable,
    );
    ledger.answers.push(refusal(403, 'forbidden'));
    await assert.rejects(client.lease({ writes: 1 }).spend({ writes: 1 }), ApiError);
  });

  it('that are gone are replaced, and given back no more', async () => {
    const lease = client.lease({ writes: 60 });
    await timed(lease.spend({ writes: 60 }));
    ledger.answers.push(refusal(404, 'not_found'));
    await timed(lease.spend({ writes: 1 }));
    assert.equal(ledger.asked.length, 3);
    ledger.answers.push(refusal(404, 'not_found'));
    await lease.close();
    await lease.close();
    assert.equal(ledger.asked.length, 4);
  });

  it('are for no more than was asked for', async () => {
    for (const writes of [6, -1, Number.NaN]) {
      await assert.rejects(client.lease({ writes: 5 }).spend({ writes }), RangeError);
    }
    assert.throws(() => client.lease({ writes: 0 }), RangeError);
    assert.deepEqual(ledger.asked, []);
  });
});
