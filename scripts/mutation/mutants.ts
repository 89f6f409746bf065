import { stripTypeScriptTypes } from 'node:module';

/** One change of a source: the characters from `start` to `end` become `text`. */
export interface Mutant {
  readonly start: number;
  readonly end: number;
  readonly text: string;
  /** The kind of change. */
  readonly kind: string;
}

/**
 * Ways to break code that a test should see, in the order of their places. Texts, comments and types are left alone.
 */
export function mutantsOf(source: string): Mutant[] {
  // Types become blanks, so places stay the same.
  const code = masked(stripTypeScriptTypes(source));
  const mutants = [...swaps(code), ...conditions(code), ...calls(code), ...returns(code)];
  return mutants.sort((a, b) => a.start - b.start);
}

/** Operators and words, and what each becomes. Binary operators stand between blanks, as the formatter writes them. */
const swapped: readonly (readonly [found: RegExp, text: string, kind: string])[] = [
  [/(?<= )===(?= )/g, '!==', 'equality'],
  [/(?<= )!==(?= )/g, '===', 'equality'],
  [/(?<= )<(?= )/g, '<=', 'boundary'],
  [/(?<= )<=(?= )/g, '<', 'boundary'],
  [/(?<= )>(?= )/g, '>=', 'boundary'],
  [/(?<= )>=(?= )/g, '>', 'boundary'],
  [/(?<= )&&(?= |$)/gm, '||', 'logic'],
  [/(?<= )\|\|(?= |$)/gm, '&&', 'logic'],
  [/(?<= )\+(?= )/g, '-', 'arithmetic'],
  [/(?<=[\w)\]] )-(?= )/g, '+', 'arithmetic'],
  [/(?<= )\*(?= )/g, '/', 'arithmetic'],
  [/(?<= )\+=(?= )/g, '-=', 'arithmetic'],
  [/(?<= )-=(?= )/g, '+=', 'arithmetic'],
  [/\bMath\.min\b/g, 'Math.max', 'arithmetic'],
  [/\bMath\.max\b/g, 'Math.min', 'arithmetic'],
  [/\btrue\b/g, 'false', 'constant'],
  [/\bfalse\b/g, 'true', 'constant'],
  [/\bawait (?!import\b)/g, '', 'await'],
  [/\b(?:continue|break);/g, ';', 'jump'],
];

function* swaps(code: string): Iterable<Mutant> {
  for (const [found, text, kind] of swapped) {
    for (const { index, 0: old } of code.matchAll(found)) {
      yield { start: index, end: index + old.length, text, kind };
    }
  }
}

function* conditions(code: string): Iterable<Mutant> {
  for (const { index, 0: head } of code.matchAll(/\bif \(/g)) {
    const start = index + head.length;
    const end = closing(code, start - 1);
    for (const text of ['true', 'false']) yield { start, end, text, kind: 'condition' };
  }
}

/** Statements that are nothing but a call, and `throw`. */
function* calls(code: string): Iterable<Mutant> {
  const statement =
    /^ *((?:await |void )?(?!(?:if|for|while|switch|return|super|catch|function)\b|.*\blogger\.)[\w$#.?[\]]+\(|throw )/gm;
  for (const { index, 0: whole, 1: head = '' } of code.matchAll(statement)) {
    const start = index + whole.length - head.length;
    const end = endOfStatement(code, start);
    if (end !== undefined) yield { start, end, text: ';', kind: head === 'throw ' ? 'throw' : 'call' };
  }
}

function* returns(code: string): Iterable<Mutant> {
  for (const { index, 0: head } of code.matchAll(/\breturn (?!undefined;|true;|false;)/g)) {
    const end = endOfStatement(code, index);
    if (end !== undefined)
      yield { start: index + head.length, end: end - 1, text: 'undefined', kind: 'return' };
  }
}

/** The place of the bracket that closes the one at `open`. */
function closing(code: string, open: number): number {
  let depth = 0;
  for (let at = open; at < code.length; at += 1) {
    if ('([{'.includes(code[at] ?? '')) depth += 1;
    else if (')]}'.includes(code[at] ?? '') && --depth === 0) return at;
  }
  return code.length;
}

/** The place after the semicolon that ends what begins at `start`. */
function endOfStatement(code: string, start: number): number | undefined {
  for (let at = start; at < code.length; at += 1) {
    if ('([{'.includes(code[at] ?? '')) at = closing(code, at);
    else if (code[at] === ';') return at + 1;
    else if (code[at] === '}' || code[at] === '=') {
      if (code[at] === '}' || !'=>'.includes(code[at + 1] ?? '')) return undefined;
      at += 1;
    }
  }
  return undefined;
}

const literals =
  /\/\/.*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|(?<=[(,=:[!&|?{};] ?|^\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\//gm;

/** The code with comments, texts and patterns blank, each place as it was. */
function masked(code: string): string {
  return code.replace(literals, (literal) => literal.replace(/[^\n]/g, '_'));
}
