import * as z from 'zod/mini';
import { pageOf, readsHeader } from '../http/answers.ts';
import { defineRoute } from '../http/defineRoute.ts';
import { notModified } from '../http/etag.ts';
import { cursor, limit, readPage } from '../http/parameters.ts';
import type { ApiRequest, ApiResponse, Route } from '../http/route.ts';
import { oneOf, optional } from '../http/schema.ts';
import type { DocumentStore } from '../platform/documents.ts';
import { AppError } from '../platform/errors.ts';
import type { Ids } from '../platform/ids.ts';
import { type AddressOf, contentAnswer, etagOf } from './content.ts';
import { beginUpload } from './direct.ts';
import { fileTypes } from './fileId.ts';
import { defaultFilesPage, maxFilesPage } from './limits.ts';
import { type FoundFile, findFile } from './lookup.ts';
import type { FileParts } from './parts.ts';
import { type FileRecord, filesCollection, recordFrom, recordJson } from './record.ts';
import { removeFile } from './removal.ts';
import { type SavingParts, saveFile } from './saving.ts';
import { binary, contents, fileShown } from './schemas.ts';
import type { FileSecret } from './secret.ts';
import {
  fileIdsFor,
  isUploadRequest,
  readBodyFile,
  readUploadRequest,
  type SubmissionOptions,
  uploadRequest,
} from './submitted.ts';

interface FileRoutesOptions extends FileParts, SavingParts, Pick<SubmissionOptions, 'maxFileBytes'> {
  /** Documents for miners' keys, whose reads have a limit of their own. */
  minersDocuments: DocumentStore;
  ids: Pick<Ids, 'uuid'>;
  secret: FileSecret;
  /** Undefined where contents are streamed. */
  addressOf: AddressOf | undefined;
}

/** The files' part of the HTTP contract. */
export function fileRoutes(options: FileRoutesOptions): Route[] {
  return [
    upload(options),
    list(options),
    show(options),
    download(options),
    remove(options),
    downloadForMiners(options),
  ];
}

const one = { path: '/v1/files/:file_id', params: () => z.object({ file_id: z.string() }) } as const;
const readers = { method: 'GET', access: ['read', 'ingest'] } as const;

function forCaller(options: FileRoutesOptions, { caller }: ApiRequest): FileRoutesOptions {
  return caller.role === 'miner' ? { ...options, documents: options.minersDocuments } : options;
}

function upload(everybody: FileRoutesOptions): Route {
  return defineRoute({
    method: 'POST',
    path: '/v1/files',
    access: ['ingest', 'miner'],
    summary: 'Takes a file in the body, raw or as the one of a form, or a request for a direct upload',
    bodies: () => ({
      'application/octet-stream': { schema: binary(), example: 'the bytes' },
      'multipart/form-data': {
        schema: z.object({
          file: binary(),
          file_name: z.optional(z.string()),
          file_type: z.optional(z.string()),
        }),
        example: { file: 'the bytes', file_name: 'a.txt' },
      },
      'application/json': {
        schema: uploadRequest(),
        example: { file_name: 'a.wav', content_type: 'audio/wav', size: 100_000_000, file_type: 'audio' },
      },
    }),
    headers: ['Idempotency-Key', 'X-File-Name', 'X-File-Type', 'X-File-SHA256', 'Content-Disposition'],
    answers: () => ({ 201: { schema: fileShown(), headers: ['Location'] } }),
    refusals: ['conflict'],
    handle: async (_, request) => {
      const options = forCaller(everybody, request);
      const newFileId = await fileIdsFor(request, options);
      const submission = { ...options, newFileId, madeBy: request.caller.keyId };
      if (!isUploadRequest(request)) {
        const { file, bytes } = readBodyFile(request, submission);
        return created(recordJson(await saveFile(options, file, bytes)));
      }
      const { record, upload } = await beginUpload(options, readUploadRequest(request, submission));
      if (upload === undefined) return created(recordJson(record));
      const expires_at = new Date(upload.expiresMs).toISOString();
      const headers = { 'Content-Type': record.contentType };
      const ticket = { url: upload.url, method: 'PUT', headers, expires_at };
      return created({ ...recordJson(record), upload: ticket });
    },
  });
}

function created(json: ReturnType<typeof recordJson>): ApiResponse {
  return { status: 201, json, headers: { location: `/v1/files/${String(json['file_id'])}` } };
}

function show(options: FileRoutesOptions): Route {
  return defineRoute({
    ...readers,
    ...one,
    summary: 'A file, without its bytes',
    answers: () => ({ 200: { schema: fileShown(), headers: [readsHeader] } }),
    refusals: ['not_found'],
    handle: async ({ params }) => {
      const { file, reads } = await found(options, params.file_id);
      return { status: 200, json: recordJson(file.record), headers: { [readsHeader]: String(reads) } };
    },
  });
}

function download(options: FileRoutesOptions): Route {
  return defineRoute({
    ...readers,
    ...one,
    path: '/v1/files/:file_id/content',
    summary: 'The bytes of a file, or where they are to be had',
    ...contents,
    answers: () => ({
      ...contents.answers(),
      302: {
        description: 'The address in `Location` gives them for 15 minutes',
        headers: ['Location', 'ETag', readsHeader],
      },
    }),
    handle: async ({ params }, request) => content(options, params.file_id, request, options.addressOf),
  });
}

/** Existing miners fetch their inputs here; they follow no redirects. */
function downloadForMiners(options: FileRoutesOptions): Route {
  return defineRoute({
    method: 'GET',
    ...one,
    path: '/api/v1/files/:file_id/download',
    access: ['read', 'ingest', 'miner', 'validator'],
    summary: 'The bytes of a file',
    ...contents,
    handle: async ({ params }, request) =>
      content(forCaller(options, request), params.file_id, request, undefined),
  });
}

async function content(
  parts: FileParts,
  fileId: string,
  request: ApiRequest,
  addressOf: AddressOf | undefined,
): Promise<ApiResponse> {
  const { file, reads } = await found(parts, fileId);
  checkStored(file.record);
  const etag = etagOf(file.record);
  const location =
    // The address is signed for GET alone.
    file.object === undefined || request.method === 'HEAD' || notModified(request, etag)
      ? undefined
      : await addressOf?.(file.object);
  const answer: ApiResponse =
    location === undefined
      ? await contentAnswer(file, request, parts.objects)
      : { status: 302, headers: { location, etag } };
  return { ...answer, headers: { ...answer.headers, [readsHeader]: String(reads) } };
}

async function found(parts: FileParts, fileId: string): Promise<{ file: FoundFile; reads: number }> {
  const { file, reads } = await findFile(parts, fileId);
  if (file === undefined) throw new AppError('not_found', 'There is no such file.');
  return { file, reads };
}

function checkStored({ status, reason }: FileRecord): void {
  if (status === 'stored') return;
  if (status === 'pending') throw new AppError('conflict', 'The upload of this file is not complete yet.');
  throw new AppError('not_found', `The upload of this file failed: ${reason ?? 'unknown'}`);
}

function remove(parts: FileParts): Route {
  return defineRoute({
    method: 'DELETE',
    ...one,
    access: ['proxy'],
    summary: 'Deletes a file; a key of role proxy deletes those that it made',
    answers: () => ({ 204: {} }),
    refusals: ['not_found'],
    handle: async ({ params }, { caller: { role, keyId } }) => {
      if (await removeFile(parts, params.file_id, role === 'admin' ? undefined : keyId))
        return { status: 204 };
      throw new AppError('not_found', 'There is no such file.');
    },
  });
}

function list(parts: FileParts): Route {
  return defineRoute({
    ...readers,
    path: '/v1/files',
    query: () =>
      z.object({
        file_type: optional(oneOf(fileTypes)),
        limit: limit({ most: maxFilesPage, otherwise: defaultFilesPage }),
        cursor: cursor(),
      }),
    summary: 'A page of files, in the order of their ids',
    answers: () => ({ 200: { schema: pageOf('files', fileShown()), headers: [readsHeader] } }),
    handle: async ({ query: { file_type: type, limit, cursor: after } }) => {
      const filters = type === undefined ? [] : [{ field: 'file_type', op: '==' as const, value: type }];
      const query = { collection: filesCollection, filters, orderBy: [], limit, after };
      const { documents, nextCursor, reads } = await readPage(parts.documents.query(query, 'files'), limit);
      const files = documents
        .flatMap(({ path, fields }) => recordFrom(path.slice(path.lastIndexOf('/') + 1), fields) ?? [])
        .filter(({ status }) => status !== 'deleted');
      return {
        status: 200,
        json: { files: files.map(recordJson), next_cursor: nextCursor ?? null },
        headers: { [readsHeader]: String(reads) },
      };
    },
  });
}
