import assert from 'node:assert/strict';
import fc from 'fast-check';
import { nameInHeader } from '../../functions/src/files/fileName.ts';
import { nameInDisposition, parametersOf } from '../../functions/src/http/headerParameters.ts';
import { runs } from '../support/runs.ts';

describe('parameters of a header', () => {
  it('are read in their order, whatever stands in quotes', () => {
    const text = fc.string({
      maxLength: 12,
      unit: fc.constantFrom('a', ';', '=', ' ', '"', '\\', 'filename', '*'),
    });
    const quote = (value: string): string => `"${value.replaceAll(/["\\]/g, '\\$&')}"`;
    fc.assert(
      fc.property(text, text, (name, fileName) => {
        const header = `form-data; filename=${quote(fileName)} ;Name = ${quote(name)};x=1`;
        assert.deepEqual(
          [...parametersOf(header)],
          [
            ['filename', fileName],
            ['name', name],
            ['x', '1'],
          ],
        );
      }),
      runs(),
    );
  });

  it('may stand without quotes; the first of a name counts', () => {
    assert.deepEqual(
      [...parametersOf('a/b;; charset = utf-8 ;q=my file.txt;q=2')],
      [
        ['charset', 'utf-8'],
        ['q', 'my file.txt'],
      ],
    );
    assert.deepEqual([...parametersOf('a/b')], []);
    assert.deepEqual([...parametersOf('')], []);
  });
});

describe('the name of a file', () => {
  const names: [header: string, name: string | undefined][] = [
    ['filename="a.txt"', 'a.txt'],
    ['filename="a;b.txt"', 'a;b.txt'],
    ['filename="say \\"hi\\".txt"', 'say "hi".txt'],
    ['filename="C:\\tmp\\new\\a.txt"', 'a.txt'],
    ['filename="\\\\\\\\server\\\\share\\\\a.txt"', 'a.txt'],
    ['filename="../a.txt"', '../a.txt'],
    ['filename="x; filename*=utf-8\'\'y.txt"', "x; filename*=utf-8''y.txt"],
    ['filename="a.txt"; filename*=UTF-8\'de\'r%C3%A9.txt', 'ré.txt'],
    ['filename*="utf-8\'\'r%C3%A9.txt"', 'ré.txt'],
    ["filename*=iso-8859-1''r%E9.txt", 'ré.txt'],
    ["filename*=iso-8859-1''r%%E9.txt", 'ré.txt'],
    ["filename*=shift_jis''%83e.txt", 'テ.txt'],
    ['filename="a.txt"; filename*=utf-8\'\'%FF.txt', 'a.txt'],
    ['filename="a.txt"; filename*=utf-8\'\'%4', 'a.txt'],
    ['filename="a.txt"; filename*=none\'\'b.txt', 'a.txt'],
    ["filename*=utf-8''%FF.txt", ''],
    ['filename=""', ''],
    ['name="file"', undefined],
    [`filename="${Buffer.from('naïve.txt').toString('latin1')}"`, 'naïve.txt'],
  ];
  for (const [parameters, name] of names) {
    it(`in a disposition: ${parameters}`, () => {
      assert.equal(nameInDisposition(`attachment; ${parameters}`), name);
    });
  }

  for (const [header, name] of [
    ['scan_144dpi_75%.pdf', 'scan_144dpi_75%.pdf'],
    ['a%20b.pdf', 'a%20b.pdf'],
    ['100%25.pdf', '100%25.pdf'],
    ['r%C3%A9sum%C3%A9%20100%25.pdf', 'résumé 100%.pdf'],
    ['%E0%A4.pdf', '%E0%A4.pdf'],
    [Buffer.from('résumé 50%20.pdf').toString('latin1'), 'résumé 50%20.pdf'],
  ] as const) {
    it(`in X-File-Name: ${header}`, () => {
      assert.equal(nameInHeader(header), name);
    });
  }
});
