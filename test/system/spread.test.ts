import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';

const source = new URL('../../functions/src/', import.meta.url);

/** Arguments whose number something bounds. */
const bounded: readonly string[] = [
  // A read has at most 100 documents, a commit looks for at most 400.
  'getAll(...formed',
  'getAll(...references',
  // As deep as Firestore's maps may be.
  'FieldPath(...names',
  // The client's only form; past what the stack holds Firestore would refuse the document.
  'update(reference, ...first',
  'update(reference, ...first, ...rest.flat',
  'startAfter(...values',
  // Parts of a name, as few as code writes them.
  "hashedUuid('file', ...parts",
  "secretUuid(secret, 'file', ...parts",
  "secretFileId(await secret(), 'tts_audio', ...named",
  // A request and its answer, or a queued task.
  'started(...args',
  // A parameter's name and its default.
  'int(...parameter',
];

/** The calls of a text that spread something into their arguments, up to there. */
function spreadsIn(text: string): string[] {
  return [...text.matchAll(/\.\.\.[\w.#]+(?!\w*\??:)/g)].flatMap(({ 0: spread, index }) => {
    let depth = 0;
    let at = index - 1;
    for (; at >= 0 && depth >= 0; at -= 1) {
      const char = text[at] ?? '';
      if (')]}'.includes(char)) depth += 1;
      if ('([{'.includes(char)) depth -= 1;
    }
    const callee = text[at + 1] === '(' ? /[\w$]+$/.exec(text.slice(0, at + 1))?.[0] : undefined;
    return callee === undefined ? [] : [callee + text.slice(at + 1, index) + spread];
  });
}

describe('arguments', () => {
  it('are never as many as there are events, documents or leases: the stack holds some 100,000', () => {
    assert.deepEqual(spreadsIn('a.push(1, ...b); c({ ...d }, [...e]); f = (...g: H[]) => new I(...g)'), [
      'push(1, ...b',
      'I(...g',
    ]);
    const spreads = globSync('**/*.ts', { cwd: source }).flatMap((file) =>
      spreadsIn(readFileSync(new URL(file, source), 'utf8')),
    );
    assert.deepEqual(
      spreads.filter((call) => !bounded.includes(call)),
      [],
    );
  });
});
