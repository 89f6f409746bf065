import * as z from 'zod/mini';
import { fromHeader } from '../http/headerParameters.ts';
import { expecting } from '../http/schema.ts';
import { maxFileNameBytes } from './limits.ts';

/** A file's name as it will be offered to who downloads it; it plays no part in where the file is. */
export function fileName() {
  const expected = expecting(
    `1 to ${maxFileNameBytes} bytes of UTF-8 without slashes, backslashes and control characters`,
  );
  const isFine = (name: string): boolean =>
    name.trim() !== '' &&
    name !== '.' &&
    name !== '..' &&
    name.isWellFormed() &&
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused.
    !/[/\\\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(name) &&
    Buffer.byteLength(name) <= maxFileNameBytes;
  return z.string(expected).check(z.refine(isFine, expected));
}

/** `attachment` with this name, in ASCII and in full (https://www.rfc-editor.org/rfc/rfc6266). */
export function disposition(fileName: string): string {
  const ascii = fileName.replaceAll(/[^\x20-\x7e]/g, '_').replaceAll(/["\\%]/g, '_');
  if (ascii === fileName) return `attachment; filename="${ascii}"`;
  const encoded = encodeURIComponent(fileName).replaceAll(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}

/** The name in `X-File-Name`: percent-encoded where it is not ASCII; in a name that is, a percent sign is itself. */
export function nameInHeader(value: string): string {
  const text = fromHeader(value);
  try {
    const name = decodeURIComponent(text);
    const isAscii = /^[ -~]*$/;
    return isAscii.test(text) && !isAscii.test(name) ? name : text;
  } catch {
    return text;
  }
}
