import { hash } from 'node:crypto';
import { isObject, readJson } from '../http/body.ts';
import { expected, isEmpty, quoted } from '../http/fields.ts';
import { nameInDisposition } from '../http/headerParameters.ts';
import { readIdempotencyKey } from '../http/idempotency.ts';
import type { ApiRequest } from '../http/route.ts';
import { AppError } from '../platform/errors.ts';
import type { Ids } from '../platform/ids.ts';
import { type Folder, fileIdOf, fileTypes, folderOfType, secretFileId } from './fileId.ts';
import { nameInHeader, readFileName } from './fileName.ts';
import { maxBodyUploadBytes, maxUploadRequestBytes } from './limits.ts';
import { readFileForm } from './multipart.ts';
import type { FileClaim } from './record.ts';
import type { WholeFile } from './saving.ts';
import type { FileSecret } from './secret.ts';

/** What the readers below are bound by. */
export interface SubmissionOptions {
  /** Names a file of this folder. */
  newFileId: (folder: Folder) => string;
  /** MAX_FILE_BYTES. */
  maxFileBytes: number;
}

/** Headers that describe the file in a body; with one of them JSON is a file like any other, not a request for an upload. */
const describing = ['x-file-name', 'x-file-type', 'x-file-sha256', 'content-disposition'];

/** Whether a JSON body asks for a direct upload. */
export function isUploadRequest(request: ApiRequest): boolean {
  return (
    mediaType(request) === 'application/json' && describing.every((name) => isEmpty(request.header(name)))
  );
}

/**
 * The file in a body, raw or as the one file of a form.
 * @throws AppError `invalid_request`, `payload_too_large`
 */
export function readBodyFile(
  request: ApiRequest,
  options: SubmissionOptions,
): { file: WholeFile; bytes: Buffer } {
  if (mediaType(request) === 'multipart/form-data') {
    const { file, fields } = readFileForm(request.body, request.header('content-type') ?? '');
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

/** The claim with the hash of the bytes. @throws AppError `invalid_request` where another one was declared. */
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

/**
 * A request for a direct upload.
 * @throws AppError `invalid_request`, `payload_too_large`
 */
export function readUploadRequest(request: ApiRequest, options: SubmissionOptions): FileClaim {
  if (request.body.length > maxUploadRequestBytes) {
    throw new AppError(
      'payload_too_large',
      `A request for an upload has at most ${maxUploadRequestBytes} bytes; a JSON file needs X-File-Name.`,
    );
  }
  const body = readJson(request);
  if (!isObject(body)) throw new AppError('invalid_request', 'The body is not a JSON object.');
  const unknown = Object.keys(body).find((name) => !requestFields.includes(name));
  if (unknown !== undefined) {
    throw new AppError('invalid_request', `Unknown field ${quoted(unknown)}: a JSON file needs X-File-Name.`);
  }
  const { size } = body;
  if (typeof size !== 'number' || !Number.isSafeInteger(size)) {
    throw expected('size', 'the number of bytes', size);
  }
  checkSize(size, options.maxFileBytes, '');
  return readClaim(options, body);
}

const requestFields: readonly string[] = ['file_name', 'content_type', 'size', 'file_type', 'sha256'];

function checkSize(bytes: number, limit: number, advice: string): void {
  if (bytes < 1) throw new AppError('invalid_request', 'The file is empty.');
  if (bytes > limit) {
    throw new AppError(
      'payload_too_large',
      `The file has ${bytes} bytes; ${limit} are the most here.${advice}`,
    );
  }
}

function readClaim(
  { newFileId }: SubmissionOptions,
  submitted: Readonly<Record<string, unknown>>,
): FileClaim {
  const given = (name: string): unknown => (isEmpty(submitted[name]) ? undefined : submitted[name]);
  const fileType = given('file_type') ?? 'temp';
  const folder = typeof fileType === 'string' ? folderOfType(fileType) : undefined;
  if (typeof fileType !== 'string' || folder === undefined) {
    throw expected('file_type', `one of ${fileTypes.join(', ')}`, fileType);
  }
  return {
    fileId: newFileId(folder),
    fileName: readFileName(given('file_name') ?? 'unnamed'),
    contentType: readContentType(given('content_type') ?? 'application/octet-stream'),
    fileType,
    size: Number(submitted['size']),
    sha256: readSha256(given('sha256')),
  };
}

/**
 * Names what a request uploads: at random; with an Idempotency-Key always the same for this caller, so that the same upload
 * makes the same file again, not another.
 * @throws AppError `invalid_request` for a key that cannot be one; `unavailable`
 */
export async function fileIdsFor(
  request: ApiRequest,
  { ids, secret }: { ids: Pick<Ids, 'uuid'>; secret: Pick<FileSecret, 'read'> },
): Promise<(folder: Folder) => string> {
  const key = readIdempotencyKey(request);
  if (key === undefined) return (folder) => fileIdOf(ids.uuid(), folder);
  const known = await secret.read();
  return (folder) => secretFileId(known, folder, request.caller.keyId, key);
}

/** A media type, with parameters or without; it goes into a header as it is. */
export function readContentType(value: unknown): string {
  const isFine =
    typeof value === 'string' &&
    value.length <= 255 &&
    /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:[ \t]*;[\x20-\x7e]*)?$/.test(value);
  if (isFine) return value;
  throw expected('content_type', 'a media type', value);
}

function readSha256(value: unknown): string | null {
  if (value === undefined) return null;
  if (typeof value === 'string' && /^[0-9a-f]{64}$/i.test(value)) return value.toLowerCase();
  throw expected('sha256', '64 hexadecimal digits', value);
}

function mediaType(request: ApiRequest): string {
  return (request.header('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}
