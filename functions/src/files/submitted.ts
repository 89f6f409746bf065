import { hash } from 'node:crypto';
import * as z from 'zod/mini';
import { mediaType, readJson } from '../http/body.ts';
import { isEmpty } from '../http/fields.ts';
import { nameInDisposition } from '../http/headerParameters.ts';
import { readIdempotencyKey } from '../http/idempotency.ts';
import { readFileForm } from '../http/multipart.ts';
import type { ApiRequest } from '../http/route.ts';
import { expecting, members, oneOf, optional, read, withDefault } from '../http/schema.ts';
import { AppError } from '../platform/errors.ts';
import type { Ids } from '../platform/ids.ts';
import { once } from '../platform/once.ts';
import { type Folder, fileIdOf, fileTypes, folderOfType, secretFileId } from './fileId.ts';
import { fileName, nameInHeader } from './fileName.ts';
import { maxBodyUploadBytes, maxUploadRequestBytes } from './limits.ts';
import type { FileClaim } from './record.ts';
import type { WholeFile } from './saving.ts';
import type { FileSecret } from './secret.ts';

/** Options of the readers below: their bounds, and names for new files. */
export interface SubmissionOptions {
  /** Names a file of this folder. */
  newFileId: (folder: Folder) => string;
  /** The id of the key that sends it. */
  madeBy: string;
  /** The parameter MAX_FILE_BYTES. */
  maxFileBytes: number;
}

/** Headers that describe the file in a body: with one of them JSON is a file, not a request for an upload. */
const describing = ['x-file-name', 'x-file-type', 'x-file-sha256', 'content-disposition'];

/** Tells if a JSON body asks for a direct upload. */
export function isUploadRequest(request: ApiRequest): boolean {
  return (
    mediaType(request) === 'application/json' && describing.every((name) => isEmpty(request.header(name)))
  );
}

/** Reads the file in a body, raw or the one of a form. @throws AppError `invalid_request`, `payload_too_large` */
export function readBodyFile(
  request: ApiRequest,
  options: SubmissionOptions,
): { file: WholeFile; bytes: Buffer } {
  if (mediaType(request) === 'multipart/form-data') {
    const { file, fields } = readFileForm(request);
    return wholeFile(options, file.bytes, {
      file_name: isEmpty(fields['file_name']) ? file.fileName : fields['file_name'],
      file_type: fields['file_type'],
      content_type: file.contentType,
      sha256: fields['sha256'],
    });
  }
  const [named, disposition] = [request.header('x-file-name'), request.header('content-disposition')];
  return wholeFile(options, request.body, {
    file_name: isEmpty(named) ? disposition && nameInDisposition(disposition) : nameInHeader(named),
    file_type: request.header('x-file-type'),
    content_type: request.header('content-type'),
    sha256: request.header('x-file-sha256'),
  });
}

function wholeFile(
  options: SubmissionOptions,
  bytes: Buffer,
  described: Readonly<Record<string, unknown>>,
): { file: WholeFile; bytes: Buffer } {
  const limit = Math.min(maxBodyUploadBytes, options.maxFileBytes);
  const advice = bytes.length <= options.maxFileBytes ? ' Ask for a direct upload, with JSON.' : '';
  checkSize(bytes.length, limit, advice);
  const claim = readClaim(options, { ...described, size: bytes.length });
  return { file: checkedFile(claim, bytes), bytes };
}

/** Adds the hash of the bytes to a claim. @throws AppError `invalid_request` where another one was declared. */
export function checkedFile(claim: FileClaim, bytes: Buffer): WholeFile {
  const sha256 = hash('sha256', bytes, 'hex');
  if (claim.sha256 !== null && claim.sha256 !== sha256) {
    throw new AppError(
      'invalid_request',
      `sha256: ${claim.sha256} was declared, but the bytes have ${sha256}.`,
    );
  }
  return { ...claim, sha256 };
}

/** A request for a direct upload. */
export const uploadRequest = once(() => {
  const sha256 = z.pipe(
    z.string().check(z.regex(/^[0-9a-f]{64}$/i, expecting('64 hexadecimal digits'))),
    z.transform((digits) => digits.toLowerCase()),
  );
  return members(
    {
      file_name: withDefault(fileName(), 'unnamed'),
      content_type: withDefault(mediaTypeName(), 'application/octet-stream'),
      size: z.int(expecting('the number of bytes')),
      file_type: withDefault(oneOf(fileTypes), 'temp'),
      sha256: optional(sha256),
    },
    { hint: 'a JSON file needs X-File-Name' },
  );
});

/** Reads a request for a direct upload. @throws AppError `invalid_request`, `payload_too_large` */
export function readUploadRequest(request: ApiRequest, options: SubmissionOptions): FileClaim {
  if (request.body.length > maxUploadRequestBytes) {
    throw new AppError(
      'payload_too_large',
      `A request for an upload has at most ${maxUploadRequestBytes} bytes; a JSON file needs X-File-Name.`,
    );
  }
  const claim = readClaim(options, readJson(request));
  checkSize(claim.size, options.maxFileBytes, '');
  return claim;
}

function checkSize(bytes: number, limit: number, advice: string): void {
  if (bytes < 1) throw new AppError('invalid_request', 'The file is empty.');
  if (bytes > limit) {
    throw new AppError(
      'payload_too_large',
      `The file has ${bytes} bytes; ${limit} are the most here.${advice}`,
    );
  }
}

function readClaim({ newFileId, madeBy }: SubmissionOptions, described: unknown): FileClaim {
  const { file_name, content_type, size, file_type, sha256 = null } = read(uploadRequest(), described);
  const fileId = newFileId(folderOfType(file_type) ?? 'temp');
  const claim = { fileName: file_name, contentType: content_type, fileType: file_type, size, sha256 };
  return { fileId, ...claim, madeBy };
}

/**
 * Names what a request uploads: at random; with an Idempotency-Key always the same for this caller, so that the same
 * upload makes the same file again, not another.
 * @throws AppError `invalid_request` for a key that cannot be one; `unavailable`
 */
export async function fileIdsFor(
  request: ApiRequest,
  { ids, secret }: { ids: Pick<Ids, 'uuid'>; secret: FileSecret },
): Promise<(folder: Folder) => string> {
  const key = readIdempotencyKey(request);
  if (key === undefined) return (folder) => fileIdOf(ids.uuid(), folder);
  const known = await secret();
  return (folder) => secretFileId(known, folder, request.caller.keyId, key);
}

/** A media type, with parameters or without; it goes into a header as it is. */
export function mediaTypeName() {
  const form = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:[ \t]*;[\x20-\x7e]*)?$/;
  const expected = expecting('a media type');
  return z.string(expected).check(z.maxLength(255, expected), z.regex(form, expected));
}
