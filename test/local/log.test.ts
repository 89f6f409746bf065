import assert from 'node:assert/strict';
import { WriteStream } from 'node:tty';
import { stripVTControlCharacters } from 'node:util';
import { createLog, type LogEntry, type LogStream } from '../../local/shared/log.ts';

const variables = ['NO_COLOR', 'FORCE_COLOR', 'NODE_DISABLE_COLORS', 'TERM', 'CI'];
const red = '\x1b[31m';

describe('The stack’s log', () => {
  const kept = new Map(variables.map((name) => [name, process.env[name]]));

  beforeEach(() => {
    for (const name of variables) delete process.env[name];
    process.env['TERM'] = 'xterm-256color';
  });
  after(() => {
    for (const [name, value] of kept) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });

  /** Text that is written of some entries to a stream that is a terminal or not. */
  function written(isTTY: boolean, ...entries: LogEntry[]): string {
    let text = '';
    const write = (part: string) => {
      text += part;
      return true;
    };
    const stream: LogStream = Object.setPrototypeOf({ isTTY, write }, WriteStream.prototype);
    const log = createLog(() => Date.UTC(2026, 0, 1, 12, 30, 5, 7), stream);
    for (const entry of entries) log('api', entry);
    return text;
  }

  const plain = { severity: 'INFO', message: 'Started.', port: 5000, at: 'home' };
  const wrong = { severity: 'ERROR', message: 'Failed.', error: { code: 7 } };

  it('is plain text, a line each, where there is no terminal', () => {
    assert.equal(
      written(false, plain, wrong),
      '12:30:05.007 api       Started. port=5000 at=home\n12:30:05.007 api       ERROR Failed. error={"code":7}\n',
    );
  });

  it('is the same text with colours on a terminal, errors in red', () => {
    const colored = written(true, plain, wrong);
    assert.ok(colored.includes(`${red}ERROR Failed.`));
    assert.equal(stripVTControlCharacters(colored), written(false, plain, wrong));
    assert.notEqual(colored, written(false, plain, wrong));
  });

  it('has no colours on a terminal where NO_COLOR is set', () => {
    process.env['NO_COLOR'] = '1';
    assert.equal(written(true, wrong), written(false, wrong));
  });

  it('has colours where NO_COLOR is empty, and none on a terminal that has none', () => {
    process.env['NO_COLOR'] = '';
    assert.ok(written(true, wrong).includes(red));
    process.env['TERM'] = 'dumb';
    assert.equal(written(true, wrong), written(false, wrong));
  });

  it('cuts long objects of ordinary lines, and none of errors', () => {
    const limits = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`limit${index}`, index]));
    assert.match(written(false, { ...plain, limits }), /^.* limits=\{"limit0":0,.{100,110}…\n$/);
    assert.ok(written(false, { ...wrong, limits }).includes(JSON.stringify(limits)));
  });

  it('leaves out what is meant for Cloud Logging alone', () => {
    const entry = { ...plain, 'logging.googleapis.com/trace': 'projects/p/traces/t' };
    assert.equal(written(false, entry), written(false, plain));
  });
});
