import assert from 'node:assert/strict';
import { cleanupRoutes } from '../../functions/src/files/cleanupRoutes.ts';
import { DocumentError } from '../../functions/src/platform/documents.ts';
import { ManualClock } from '../support/clock.ts';
import { type Answer, serveRoutes, type TestServer } from '../support/http.ts';
import { memoryLogger } from '../support/logger.ts';

const hourMs = 3_600_000;
const report = { deleted: 3, objects: 10, documents: 5, repaired: 0, is_complete: true };

describe('POST /v1/cleanup', () => {
  const clock = new ManualClock();
  const ages: number[] = [];
  let failure: Error | undefined;
  let server: TestServer;
  before(async () => {
    const routes = cleanupRoutes(clock, async (maxAgeMs) => {
      ages.push(maxAgeMs);
      if (failure !== undefined) throw failure;
      return report;
    });
    server = await serveRoutes(routes, { clock, logger: memoryLogger() });
  });
  after(() => server.close());
  beforeEach(() => {
    ages.length = 0;
    failure = undefined;
  });

  const ask = (body: string, key = 'admin-key'): Promise<Answer> =>
    server.call('/v1/cleanup', { method: 'POST', headers: { 'x-api-key': key }, body: Buffer.from(body) });

  it('cleans up what is older than a day, or than the hours that it names', async () => {
    for (const body of ['', '{}', '{"max_age_hours":null}', '{"max_age_hours":0}', '{"max_age_hours":1.5}'])
      assert.deepEqual((await ask(body)).json, report);
    assert.deepEqual(ages, [24 * hourMs, 24 * hourMs, 24 * hourMs, 0, 1.5 * hourMs]);
  });

  it('refuses what is no age, and everybody but admins', async () => {
    for (const body of [
      '{"max_age_hours":-1}',
      '{"max_age_hours":9000}',
      '{"max_age_hours":"x"}',
      '{"age":1}',
      '[]',
    ])
      assert.equal((await ask(body)).status, 400, body);
    assert.equal((await ask('', 'ingest-key')).status, 403);
    assert.deepEqual(ages, []);
  });

  it('answers 503 while Firestore does not: what was done stays done, and nothing of why', async () => {
    const retryAtMs = clock.now() + 7_000;
    failure = new DocumentError('no_quota', 'a secret of the inside', { retryAtMs });
    const { status, headers, text } = await ask('');
    assert.equal(status, 503);
    assert.equal(headers.get('retry-after'), '7');
    assert.match(text, /what was done stays done/);
    assert.doesNotMatch(text, /secret/);
  });
});
