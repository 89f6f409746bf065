import { type Part, readParts, textOf } from '../http/multipart.ts';
import { AppError } from '../platform/errors.ts';

/** A form's one file and its texts by name. */
export interface FileForm {
  file: Part;
  fields: Readonly<Record<string, string>>;
}

/**
 * The form of an upload.
 * @throws AppError `invalid_request` where there is not exactly one file, or a field is there twice or no UTF-8.
 */
export function readFileForm(body: Buffer, contentType: string, fileField?: string): FileForm {
  const parts = readParts(body, contentType);
  const files = parts.filter(({ fileName }) => fileName !== undefined);
  const [file] = files;
  if (file === undefined || files.length > 1 || (fileField !== undefined && file.name !== fileField)) {
    const wanted = fileField === undefined ? 'one file' : `one file, named ${fileField}`;
    throw new AppError('invalid_request', `Expected ${wanted} in the form; there are ${files.length}.`);
  }
  const texts = parts.filter((part) => part !== file);
  const fields = Object.fromEntries(texts.map((part) => [part.name, textOf(part)]));
  if (Object.keys(fields).length < texts.length) {
    throw new AppError('invalid_request', 'A form field is there twice.');
  }
  return { file, fields };
}
