import { isUtf8 } from 'node:buffer';

/** A parameter; in quotes a backslash escapes only itself and a quote, for Windows writes paths with it. */
const parameter = /;[\s;]*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"[^;]*|([^;]*))/gsy;

/**
 * The parameters behind a header's value, by name in lower case, read in their order; of two of one name the first
 * (https://www.rfc-editor.org/rfc/rfc9110#name-parameters).
 */
export function parametersOf(header: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, name = '', quoted, token = ''] of header.slice(firstSemicolon(header)).matchAll(parameter)) {
    const key = name.toLowerCase();
    if (!found.has(key)) found.set(key, quoted?.replaceAll(/\\(["\\])/g, '$1') ?? token.trim());
  }
  return found;
}

function firstSemicolon(header: string): number {
  const at = header.indexOf(';');
  return at === -1 ? header.length : at;
}

/**
 * The name of the file in a `Content-Disposition` header, `filename*` before `filename`
 * (https://www.rfc-editor.org/rfc/rfc6266#section-4.3), without a Windows path before it; empty where it cannot be
 * read, undefined where there is none.
 */
export function nameInDisposition(header: string): string | undefined {
  const parameters = parametersOf(header);
  const [extended, plain] = [parameters.get('filename*'), parameters.get('filename')];
  if (extended === undefined && plain === undefined) return undefined;
  const name = (extended && decoded(extended)) ?? fromHeader(plain ?? '');
  return name.slice(name.lastIndexOf('\\') + 1);
}

/**
 * A text with its charset and percent signs (https://www.rfc-editor.org/rfc/rfc8187), which shell scripts double;
 * undefined where it is none.
 */
function decoded(extended: string): string | undefined {
  const [, charset, text] = /^([\w.:-]+)'[^']*'((?:[^%]|%%?[0-9a-f]{2})*)$/i.exec(extended) ?? [];
  if (charset === undefined || text === undefined) return undefined;
  const bytes = text.replaceAll(/%%?(..)/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  try {
    return new TextDecoder(charset, { fatal: true }).decode(Buffer.from(bytes, 'latin1'));
  } catch {
    return undefined;
  }
}

/** The text of a header that holds UTF-8, which Node hands over byte by byte. */
export function fromHeader(value: string): string {
  const bytes = Buffer.from(value, 'latin1');
  return isUtf8(bytes) ? bytes.toString() : value;
}
