import type { StampSource } from '../events/stamp.ts';
import { hashedFileId, objectOf } from '../files/fileId.ts';
import { readFileName } from '../files/fileName.ts';
import { maxBodyUploadBytes } from '../files/limits.ts';
import { readFileForm } from '../files/multipart.ts';
import { type FileRecord, fileUrl, recordOf } from '../files/record.ts';
import type { FileSaver } from '../files/saving.ts';
import { FileSecret } from '../files/secret.ts';
import { checkedFile, readContentType } from '../files/submitted.ts';
import type { ApiRequest, ApiResponse, Route } from '../http/route.ts';
import { AppError } from '../platform/errors.ts';
import type { FileObjects } from '../platform/fileObjects.ts';
import type { JsonObject } from '../platform/json.ts';
import type { ObjectStore } from '../platform/objects.ts';
import type { Stager } from '../staging/stager.ts';
import type { Speakers } from './speaker.ts';
import { responseEvent } from './submit.ts';

export interface SpeechRoutesOptions {
  saver: FileSaver;
  objects: Pick<FileObjects, 'describe'>;
  control: Pick<ObjectStore, 'get' | 'put'>;
  stager: Stager;
  stamps: StampSource;
  speakers: Speakers;
  maxFileBytes: number;
}

/** What existing miners send speech to: a form with the response's fields and the sound, which becomes a file. */
export function speechRoutes(options: SpeechRoutesOptions): Route[] {
  const secret = new FileSecret(options.control);
  return [
    {
      method: 'POST',
      path: '/api/v1/miner/tts/upload-audio',
      access: ['ingest', 'miner'],
      handle: (request) => uploadSpeech(options, secret, request),
    },
  ];
}

/**
 * First the file, then the response that refers to it. A miner has one such file to a task: what it sends again finds the
 * first, as only its first response counts, and an attempt that was cut off is completed.
 */
async function uploadSpeech(
  { saver, objects, stager, stamps, speakers, maxFileBytes }: SpeechRoutesOptions,
  secret: FileSecret,
  request: ApiRequest,
): Promise<ApiResponse> {
  const { file, fields } = readFileForm(request.body, request.header('content-type') ?? '', 'audio_file');
  const limit = Math.min(maxFileBytes, maxBodyUploadBytes);
  if (file.bytes.length === 0) throw new AppError('invalid_request', 'audio_file is empty.');
  if (file.bytes.length > limit) {
    throw new AppError(
      'payload_too_large',
      `audio_file has ${file.bytes.length} bytes; ${limit} are the most.`,
    );
  }
  // The file is not known yet, but whether the rest is right is.
  const stamp = stamps.next();
  const draft = responseEvent({ ...fields, response_data: {} }, stamp, { texts: true });
  const spoken = speakers.spoken(request.caller, draft);
  const { miner_uid: minerUid } = draft.response;
  // As with responses, what a miner's key sends never stands in a proxy's way.
  const owner = spoken.minerKey === undefined ? String(minerUid) : `${minerUid} by its key`;
  const fileId = hashedFileId('tts_audio', await secret.read(), draft.taskId, owner);
  const claim = {
    fileId,
    fileName: readFileName(file.fileName),
    contentType: readContentType(file.contentType ?? 'audio/wav'),
    fileType: 'tts',
    size: file.bytes.length,
    sha256: null,
  };
  const present = await objects.describe(objectOf(fileId) ?? '');
  const record =
    (present && recordOf(present)) ?? (await saver.saveObject(checkedFile(claim, file.bytes), file.bytes));
  const audio = audioOf(record);
  const response = { ...draft.response, response_data: { audio_file: audio, file_url: fileUrl(fileId) } };
  await stager.stage([{ ...spoken, response }]);
  return {
    status: 200,
    json: {
      success: true,
      message: 'Speech accepted',
      task_id: draft.taskId,
      miner_uid: minerUid,
      audio_file: audio,
      file_url: fileUrl(fileId),
    },
  };
}

function audioOf(record: FileRecord): JsonObject {
  return {
    file_id: record.fileId,
    file_name: record.fileName,
    file_type: record.fileType,
    file_size: record.size,
    file_url: fileUrl(record.fileId),
    checksum: record.sha256,
  };
}
