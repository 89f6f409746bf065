import assert from 'node:assert/strict';
import { jsonLogger, severityOf } from '../../functions/src/platform/logger.ts';

describe('the structured log', () => {
  const lines: string[] = [];
  const logger = (least?: Parameters<typeof jsonLogger>[1]) => jsonLogger((line) => lines.push(line), least);
  const entries = (): Record<string, unknown>[] => lines.map((line) => JSON.parse(line));
  beforeEach(() => {
    lines.length = 0;
  });

  it('is one JSON object a line, from a severity on', () => {
    for (const least of ['INFO', 'ERROR'] as const) {
      const log = logger(least);
      log.info('b', { count: 1, text: 'two\nlines' });
      log.warn('c');
      log.error('d');
    }
    assert.ok(lines.every((line) => line.endsWith('\n') && line.indexOf('\n') === line.length - 1));
    assert.deepEqual(entries(), [
      { severity: 'INFO', message: 'b', count: 1, text: 'two\nlines' },
      { severity: 'WARNING', message: 'c' },
      { severity: 'ERROR', message: 'd' },
      { severity: 'ERROR', message: 'd' },
    ]);
  });

  it('has an error’s stack and its causes, and whatever else was thrown as text', () => {
    const cause = new Error('inner', { cause: 'the network' });
    const error = new TypeError('outer', { cause });
    logger().error('failed', { error, id: 1 });
    logger().error('failed', { error: 7 });
    const [first, second] = entries();
    assert.equal(first?.['id'], 1);
    for (const part of [/^TypeError: outer\n/, / \| cause: Error: inner\n/, / \| cause: the network$/, /at /])
      assert.match(String(first?.['error']), part);
    assert.equal(second?.['error'], '7');
  });

  it('shows an error that is a field of a warning', () => {
    logger().warn('later', { error: new Error('why', { cause: 'that' }) });
    assert.match(String(entries()[0]?.['error']), /^Error: why\n.* \| cause: that$/s);
  });

  it('asks for the fields of a debug line only where it is written', () => {
    const log = logger();
    log.debug('off', () => assert.fail('asked for'));
    logger('DEBUG').debug('on', () => ({ id: 1 }));
    assert.deepEqual(entries(), [{ severity: 'DEBUG', message: 'on', id: 1 }]);
  });

  it('knows the severities that a parameter names', () => {
    assert.deepEqual(['error', 'WARNING', 'Debug', 'loud', ''].map(severityOf), [
      ...['ERROR', 'WARNING', 'DEBUG', 'INFO', 'INFO'],
    ]);
  });
});
