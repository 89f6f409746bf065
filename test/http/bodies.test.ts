import assert from 'node:assert/strict';
import { isNdjson, ndjsonLines, readFields, readJson } from '../../functions/src/http/body.ts';
import { newIdFor } from '../../functions/src/http/idempotency.ts';
import { jsonOrText } from '../../functions/src/http/json.ts';
import { maxFormFields, maxJsonContainers, maxJsonValues } from '../../functions/src/http/limits.ts';
import { readParts } from '../../functions/src/http/multipart.ts';
import type { ApiRequest } from '../../functions/src/http/route.ts';
import { countingIds } from '../support/ids.ts';

const json = 'application/json';
const form = 'application/x-www-form-urlencoded';
const multipart = 'multipart/form-data; boundary=b';

function request(body: string | Uint8Array, type?: string, headers: Record<string, string> = {}): ApiRequest {
  const all: Record<string, string> = { ...headers, ...(type === undefined ? {} : { 'content-type': type }) };
  return {
    requestId: 'r',
    method: 'POST',
    path: '/',
    params: {},
    query: new URLSearchParams(),
    header: (name) => all[name],
    body: Buffer.from(body),
    caller: { keyId: 'k', role: 'ingest' },
  };
}

/** Asserts that the caller is told of a fault, with this in its message. */
function refuses(call: () => unknown, message: RegExp, code = 'invalid_request'): void {
  assert.throws(call, { code, message });
}

describe('a body that is JSON', () => {
  it('may come without a type, with a mark before it, or as any type that is JSON', () => {
    for (const type of [undefined, '', json, 'Application/JSON; charset=utf-8', 'application/ld+json'])
      assert.deepEqual(readJson(request('\ufeff{"a":[1]}', type)), { a: [1] });
    refuses(() => readJson(request('{}', 'text/plain')), /text\/plain/, 'unsupported_media_type');
  });

  it('keeps long integers, and reads Python’s constants as infinite', () => {
    assert.deepEqual(readJson(request('{"a":9007199254740993,"b":"NaN"}')), {
      a: 9007199254740993n,
      b: 'NaN',
    });
    const infinite = Number.POSITIVE_INFINITY;
    assert.deepEqual(readJson(request('[NaN,-Infinity,"NaN"]')), [infinite, -infinite, 'NaN']);
  });

  it('is refused with the place of its fault', () => {
    for (const [body, place] of [
      ['{"a":\n }', 'at position 7 (line 2, column 2): unexpected "}"'],
      ['[1,', 'at position 3 (line 1, column 4): it ends too early'],
      ['{"a" 1}', 'at position 5 (line 1, column 6)'],
      ['', 'at position 0 (line 1, column 1): it ends too early'],
      [`[${'1,'.repeat(600_000)}}`, 'somewhere'],
    ] as const)
      assert.throws(
        () => readJson(request(body)),
        ({ message }: Error) => message.startsWith(`Malformed JSON ${place}`),
        body.slice(0, 10),
      );
    refuses(() => readJson(request(Buffer.from([0x22, 0xff, 0x22]))), /not UTF-8/);
  });

  it('is refused before it is parsed where it has more values than memory should pay', () => {
    const lists = `[${'[],'.repeat(maxJsonContainers)}[]]`;
    refuses(() => readJson(request(lists)), /arrays and objects/);
    refuses(() => readJson(request(`[${'0,'.repeat(maxJsonValues)}0]`)), /values/);
    // What stands in a text is no value, whatever it looks like.
    const text = `"${'[,\\"'.repeat(maxJsonValues)}"`;
    assert.equal(typeof readJson(request(text)), 'string');
  });
});

describe('a text that may be JSON', () => {
  it('is its value where it is JSON, and a text where it is none', () => {
    for (const [text, value] of [
      ['{"a": [NaN]}', { a: [Number.POSITIVE_INFINITY] }],
      ['\ufeff [1]', [1]],
      ['"x"', 'x'],
      ['12', 12],
      ['12345678901234567890', 12345678901234567890n],
      ["{'a': 1}", "{'a': 1}"],
      ['NaN', 'NaN'],
      ['1e999', '1e999'],
      ['hello', 'hello'],
    ] as const)
      assert.deepEqual(jsonOrText(text), value);
  });
});

describe('a body with JSON a line', () => {
  it('is told by its type; blank lines do not count, but for the numbers of the others', () => {
    assert.ok(isNdjson(request('', 'application/x-ndjson; charset=utf-8')));
    assert.ok(!isNdjson(request('', json)));
    assert.deepEqual(ndjsonLines(request('{"a":1}\n\n  \r\n[2]'), 'items', 2), [
      { index: 0, text: '{"a":1}' },
      { index: 3, text: '[2]' },
    ]);
    assert.throws(() => ndjsonLines(request('1\n2\n\n3'), 'items', 2), /At most 2 items fit/);
  });
});

describe('a form', () => {
  const urlencoded = (body: string) => readFields(request(body, form));

  it('has its fields decoded', () => {
    const fields = urlencoded('a+b=%C3%A9+%2B&empty=&bare&&=x');
    assert.deepEqual(fields, { 'a b': 'é +', empty: '', bare: '', '': 'x' });
  });

  it('may be a JSON object instead', () => {
    assert.deepEqual(readFields(request('{"a":1}', json)), { a: 1 });
    refuses(() => readFields(request('[1]', json)), /expected an object, got a list/);
    refuses(() => readFields(request('a', 'text/plain')), /text\/plain/, 'unsupported_media_type');
  });

  it('takes no longer with millions of pluses than with as many letters', () => {
    const cpuMsOf = (text: string): number => {
      const before = process.cpuUsage();
      urlencoded(`a=${text.repeat(4 * 1024 * 1024)}`);
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1000;
    };
    const [letters, pluses, mixed] = [cpuMsOf('xx'), cpuMsOf('++'), cpuMsOf('x+')];
    for (const each of [pluses, mixed])
      assert.ok(each < 3 * letters + 200, `${each} ms of CPU, letters ${letters}`);
  });

  it('is refused where it would be altered: broken escapes, a field twice, more fields than allowed', () => {
    for (const body of ['a=%', 'a=%zz', 'a=%ff']) refuses(() => urlencoded(body), /percent sign/);
    refuses(() => urlencoded('a=1&a=2'), /twice/);
    refuses(() => urlencoded('&'.repeat(maxFormFields)), /more than/);
  });
});

describe('a multipart form', () => {
  const part = (headers: string, content = 'x'): string => `--b\r\n${headers}\r\n\r\n${content}\r\n`;
  const named = (name: string, content?: string): string =>
    part(`Content-Disposition: form-data; name="${name}"`, content);

  it('has fields, and files that are no fields', () => {
    const body = `before\r\n${named('a', 'é')}${named('b', '')}--b--`;
    assert.deepEqual(readFields(request(body, multipart)), { a: 'é', b: '' });
    const file = part(
      'Content-Disposition: form-data; name="f"; filename="f.wav"\r\nContent-Type: audio/wav',
    );
    refuses(() => readFields(request(`${file}--b--`, multipart)), /^f is a file/);
    const latin = Buffer.concat([Buffer.from(`${named('a', '').slice(0, -2)}`), Buffer.from([0xff])]);
    const broken = Buffer.concat([latin, Buffer.from('\r\n--b--')]);
    refuses(() => readFields(request(broken, multipart)), /"a" is not UTF-8/);
  });

  it('is not copied: its parts are views of the body', () => {
    const body = Buffer.from(
      `${part('Content-Disposition: form-data; name="f"; filename="a"', 'bytes')}--b--`,
    );
    const [file] = readParts(body, multipart);
    assert.deepEqual(
      { ...file, bytes: String(file?.bytes) },
      {
        name: 'f',
        fileName: 'a',
        contentType: undefined,
        bytes: 'bytes',
      },
    );
    assert.equal(file?.bytes.buffer, body.buffer);
  });

  it('is refused with what is wrong with it', () => {
    for (const [body, fault, type = multipart] of [
      [`${named('a')}--b--`, /no boundary$/, 'multipart/form-data'],
      ['nothing', /no boundary in it/],
      [`--bx${named('a').slice(3)}--b--`, /not followed by the end of its line/],
      [named('a').slice(0, -4), /ends early/],
      ['--b\r\nContent-Disposition: form-data\r\n--b--', /no end of its headers/],
      [`${part('Content-Type: text/plain')}--b--`, /no name/],
      ['--b\r\n\r\nbare\r\n--b--', /no name/],
      [`${named('a').repeat(maxFormFields + 1)}--b--`, /more than/],
    ] as [body: string, fault: RegExp, type?: string][])
      refuses(
        () => readParts(Buffer.from(body), type),
        new RegExp(`^Malformed.*${fault.source.replace(/\$$/, '\\.$')}`),
      );
  });
});

describe('an Idempotency-Key', () => {
  const idFor = (key: string | undefined, keyId = 'k'): string => {
    const asked = request('', json, key === undefined ? {} : { 'idempotency-key': key });
    return newIdFor({ ...asked, caller: { keyId, role: 'ingest' } }, countingIds());
  };

  it('gives the same id for the same caller and key, and another for any other', () => {
    const random = countingIds().uuid();
    assert.equal(idFor('job-1'), idFor('job-1'));
    assert.equal(new Set([idFor('a'), idFor('b'), idFor('a', 'other'), random]).size, 4);
    assert.deepEqual([idFor(undefined), idFor('')], [random, random]);
  });

  it('is refused where it is none', () => {
    for (const key of ['a b', 'é', 'x'.repeat(256)]) refuses(() => idFor(key), /Idempotency-Key/);
  });
});
