import assert from 'node:assert/strict';
import { jsonLogger } from '../../functions/src/platform/logger.ts';
import { currentOrigins, during, duringAll, originFields } from '../../functions/src/platform/origin.ts';

const id = '4bf92f3577b34da6a3ce929d0e0e4736';
const trace = { 'logging.googleapis.com/trace': `projects/p/traces/${id}` };
const parent = (text: string) => `00-${text}-00f067aa0ba902b7-01`;
const fields = (): object => originFields('p');

describe('the origin of a line', () => {
  it('is nothing outside of requests', () => {
    assert.deepEqual(fields(), {});
  });

  it('is a request’s id and trace, also in what it waits for and in what it knows later', async () => {
    const headers = { traceparent: parent(id) };
    await during({ headers }, async () => {
      assert.deepEqual(fields(), trace);
      await during({ requestId: 'r' }, async () => {
        await Promise.resolve();
        assert.deepEqual(fields(), { request_id: 'r', ...trace });
      });
      assert.deepEqual(fields(), trace);
    });
  });

  it('takes the trace of either header, and of none that is no trace', () => {
    const ofHeaders = (headers: Record<string, string>): object => during({ headers }, fields);
    for (const text of [id, `${id}/1`, `${id.toUpperCase()}/1;o=1`])
      assert.deepEqual(ofHeaders({ 'x-cloud-trace-context': text }), trace, text);
    const zeros = '0'.repeat(32);
    assert.deepEqual(ofHeaders({ 'x-cloud-trace-context': `${zeros}/0`, traceparent: parent(id) }), trace);
    for (const text of ['', 'x', parent(zeros), parent(`${id}0`), `${id}"\n`, `00-${id.slice(1)}-1-01`])
      assert.deepEqual(ofHeaders({ traceparent: text, 'x-cloud-trace-context': `${id}x` }), {}, text);
  });

  it('names all for whom one work is done, each once and at most ten', async () => {
    const origins = await Promise.all(
      ['a', 'b', 'a'].map((requestId) => during({ requestId, carrier: '7' }, async () => currentOrigins())),
    );
    assert.deepEqual(duringAll(origins.flat(), fields), { request_id: 'a b', carrier: '7' });
    const many = Array.from({ length: 400 }, (_, index) => ({ carrier: String(index) }));
    assert.deepEqual(duringAll(many, fields), { carrier: '0 1 2 3 4 5 6 7 8 9' });
  });

  it('is on every line, over fields of the same name', () => {
    const lines: string[] = [];
    const logger = jsonLogger(
      (line) => lines.push(line),
      'DEBUG',
      () => originFields('p'),
    );
    during({ requestId: 'r' }, () => {
      logger.debug('d', () => ({ n: 1, request_id: 'forged' }));
      logger.error('e');
    });
    assert.deepEqual(
      lines.map((line) => JSON.parse(line)),
      [
        { severity: 'DEBUG', message: 'd', n: 1, request_id: 'r' },
        { severity: 'ERROR', message: 'e', request_id: 'r' },
      ],
    );
  });
});
