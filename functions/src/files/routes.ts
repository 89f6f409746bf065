import { queryInteger, queryText } from '../http/fields.ts';
import type { ApiRequest, ApiResponse, Route } from '../http/route.ts';
import { DocumentError } from '../platform/documents.ts';
import { AppError } from '../platform/errors.ts';
import type { FileObjects } from '../platform/fileObjects.ts';
import type { Ids } from '../platform/ids.ts';
import { contentAnswer, etagOf, isUnmodified } from './content.ts';
import type { DirectUploads } from './direct.ts';
import { fileTypes } from './fileId.ts';
import { defaultFilesPage, maxFilesPage } from './limits.ts';
import type { FileLookup, FoundFile } from './lookup.ts';
import { type FileRecord, recordJson } from './record.ts';
import type { Redirects } from './redirects.ts';
import { type FileRemovalOptions, removeFile } from './removal.ts';
import type { FileSaver } from './saving.ts';
import type { FileSecret } from './secret.ts';
import {
  fileIdsFor,
  isUploadRequest,
  readBodyFile,
  readUploadRequest,
  type SubmissionOptions,
} from './submitted.ts';

/** The ways to files for a caller. */
export interface CallersFiles {
  saver: FileSaver;
  direct: DirectUploads;
  lookup: FileLookup;
}

export interface FileRoutesOptions extends CallersFiles, Pick<SubmissionOptions, 'maxFileBytes'> {
  /** For miners' keys, whose reads have a limit of their own. */
  miners: CallersFiles;
  ids: Pick<Ids, 'uuid'>;
  secret: Pick<FileSecret, 'read'>;
  removal: FileRemovalOptions;
  objects: FileObjects;
  /** Undefined where contents are streamed. */
  redirects: Redirects | undefined;
}

const readsHeader = 'x-firestore-reads';

/** The files' part of the HTTP contract. */
export function fileRoutes(options: FileRoutesOptions): Route[] {
  const get = { method: 'GET', access: ['read', 'ingest'] } as const;
  return [
    {
      method: 'POST',
      path: '/v1/files',
      access: ['ingest', 'miner'],
      handle: (request) => upload(forCaller(options, request), request),
    },
    { ...get, path: '/v1/files', handle: (request) => list(options, request) },
    { ...get, path: '/v1/files/:id', handle: (request) => describe(options, request) },
    {
      ...get,
      path: '/v1/files/:id/content',
      handle: (request) => content(options, request, options.redirects),
    },
    { method: 'DELETE', path: '/v1/files/:id', access: [], handle: (request) => remove(options, request) },
    // Existing miners fetch their inputs here; they follow no redirects.
    {
      method: 'GET',
      path: '/api/v1/files/:id/download',
      access: ['read', 'ingest', 'miner', 'validator'],
      handle: (request) => content(forCaller(options, request), request, undefined),
    },
  ];
}

function forCaller(options: FileRoutesOptions, { caller }: ApiRequest): FileRoutesOptions {
  return caller.role === 'miner' ? { ...options, ...options.miners } : options;
}

async function upload(options: FileRoutesOptions, request: ApiRequest): Promise<ApiResponse> {
  const submission = { ...options, newFileId: await fileIdsFor(request, options) };
  if (!isUploadRequest(request)) {
    const { file, bytes } = readBodyFile(request, submission);
    return created(recordJson(await options.saver.save(file, bytes)));
  }
  const { record, upload } = await options.direct.begin(readUploadRequest(request, submission));
  if (upload === undefined) return created(recordJson(record));
  const expires_at = new Date(upload.expiresMs).toISOString();
  const headers = { 'Content-Type': record.contentType };
  return created({ ...recordJson(record), upload: { url: upload.url, method: 'PUT', headers, expires_at } });
}

function created(json: ReturnType<typeof recordJson>): ApiResponse {
  return { status: 201, json, headers: { location: `/v1/files/${String(json['file_id'])}` } };
}

async function describe({ lookup }: FileRoutesOptions, request: ApiRequest): Promise<ApiResponse> {
  const { file, reads } = await found(lookup, request);
  return { status: 200, json: recordJson(file.record), headers: { [readsHeader]: String(reads) } };
}

async function content(
  { lookup, objects }: FileRoutesOptions,
  request: ApiRequest,
  redirects: Redirects | undefined,
): Promise<ApiResponse> {
  const { file, reads } = await found(lookup, request);
  checkStored(file.record);
  const etag = etagOf(file.record);
  const location =
    // The address is signed for GET alone.
    file.object === undefined || request.method === 'HEAD' || isUnmodified(request, etag)
      ? undefined
      : await redirects?.addressOf(file.object);
  const answer: ApiResponse =
    location === undefined
      ? await contentAnswer(file, request, objects)
      : { status: 302, headers: { location, etag } };
  return { ...answer, headers: { ...answer.headers, [readsHeader]: String(reads) } };
}

async function found(lookup: FileLookup, request: ApiRequest): Promise<{ file: FoundFile; reads: number }> {
  const { file, reads } = await lookup.find(request.params['id'] ?? '');
  if (file === undefined) throw new AppError('not_found', 'There is no such file.');
  return { file, reads };
}

function checkStored({ status, reason }: FileRecord): void {
  if (status === 'stored') return;
  if (status === 'pending') throw new AppError('conflict', 'The upload of this file is not complete yet.');
  throw new AppError('not_found', `The upload of this file failed: ${reason ?? 'unknown'}`);
}

async function remove({ removal }: FileRoutesOptions, request: ApiRequest): Promise<ApiResponse> {
  if (await removeFile(removal, request.params['id'] ?? '')) return { status: 204 };
  throw new AppError('not_found', 'There is no such file.');
}

async function list({ lookup }: FileRoutesOptions, { query }: ApiRequest): Promise<ApiResponse> {
  const fileType = queryText(query, 'file_type');
  if (fileType !== undefined && !fileTypes.includes(fileType)) {
    throw new AppError('invalid_request', `file_type: expected one of ${fileTypes.join(', ')}.`);
  }
  const limit = queryInteger(query, 'limit', { most: maxFilesPage, otherwise: defaultFilesPage });
  try {
    const page = await lookup.list({ fileType, limit, cursor: queryText(query, 'cursor') });
    return {
      status: 200,
      json: { files: page.files.map(recordJson), next_cursor: page.cursor ?? null },
      headers: { [readsHeader]: String(page.reads) },
    };
  } catch (cause) {
    if (!(cause instanceof DocumentError && cause.failure === 'invalid')) throw cause;
    throw new AppError('invalid_request', 'cursor: not one that this list gave out.', { cause });
  }
}
