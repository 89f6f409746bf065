import { fromHeader } from '../http/headerParameters.ts';
import { AppError } from '../platform/errors.ts';
import { maxFileNameBytes } from './limits.ts';

/**
 * A file's name as it will be offered to who downloads it; it plays no part in where the file is.
 * @throws AppError `invalid_request` for a path, control characters, or more than 255 bytes.
 */
export function readFileName(value: unknown): string {
  const isFine =
    typeof value === 'string' &&
    value.trim() !== '' &&
    value !== '.' &&
    value !== '..' &&
    value.isWellFormed() &&
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused.
    !/[/\\\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(value) &&
    Buffer.byteLength(value) <= maxFileNameBytes;
  if (isFine) return value;
  throw new AppError(
    'invalid_request',
    `file_name: expected 1 to ${maxFileNameBytes} bytes of UTF-8 without slashes, backslashes and control characters.`,
  );
}

/** `attachment` with this name, in ASCII and in full (https://www.rfc-editor.org/rfc/rfc6266). */
export function disposition(fileName: string): string {
  const ascii = fileName.replaceAll(/[^\x20-\x7e]/g, '_').replaceAll(/["\\%]/g, '_');
  if (ascii === fileName) return `attachment; filename="${ascii}"`;
  return `attachment; filename="${ascii}"; filename*=UTF-8''${percentEncoded(fileName)}`;
}

function percentEncoded(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** The name in `X-File-Name`: percent-encoded where it is not ASCII; in a name that is, a percent sign is itself. */
export function nameInHeader(value: string): string {
  const text = fromHeader(value);
  try {
    const name = decodeURIComponent(text);
    return isPlain(text) && !isPlain(name) ? name : text;
  } catch {
    return text;
  }
}

/** True for printable ASCII. */
function isPlain(text: string): boolean {
  return /^[ -~]*$/.test(text);
}
