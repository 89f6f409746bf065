import * as z from 'zod/mini';
import { objectOf, secretFileId } from '../files/fileId.ts';
import { fileName } from '../files/fileName.ts';
import { maxBodyUploadBytes } from '../files/limits.ts';
import { recordOf } from '../files/object.ts';
import type { FileParts } from '../files/parts.ts';
import { type FileRecord, fileUrl } from '../files/record.ts';
import { saveObject } from '../files/saving.ts';
import { binary } from '../files/schemas.ts';
import type { FileSecret } from '../files/secret.ts';
import { checkedFile, mediaTypeName } from '../files/submitted.ts';
import { defineRoute } from '../http/defineRoute.ts';
import { readFileForm } from '../http/multipart.ts';
import { Reading } from '../http/reading.ts';
import type { ApiRequest, ApiResponse, Route } from '../http/route.ts';
import { read } from '../http/schema.ts';
import { AppError } from '../platform/errors.ts';
import type { JsonObject } from '../platform/json.ts';
import type { Stager } from '../staging/groupStager.ts';
import type { Speakers } from '../tasks/speaker.ts';
import { responseEvent, textResponse } from '../tasks/submit.ts';
import { taken } from './answerRoutes.ts';
import { speechLabels } from './lostSpeech.ts';

interface SpeechRoutesOptions extends Pick<FileParts, 'objects' | 'clock' | 'stamps'> {
  secret: FileSecret;
  stager: Stager;
  speakers: Speakers;
  maxFileBytes: number;
}

/** The route of existing miners' speech: a form with the response's fields and the sound, which becomes a file. */
export function speechRoutes(options: SpeechRoutesOptions): Route[] {
  return [
    defineRoute({
      method: 'POST',
      path: '/api/v1/miner/tts/upload-audio',
      access: ['ingest', 'miner'],
      summary: 'Accepts speech of an existing miner as a file, and the response that refers to it',
      bodies: () => {
        const { response_data: _, ...others } = textResponse()._zod.def.shape;
        const schema = z.object({ ...others, audio_file: binary() });
        const example = { task_id: 'task-1', miner_uid: 7, audio_file: 'the bytes' };
        return { 'multipart/form-data': { schema, example } };
      },
      answers: () => ({
        200: taken({ audio_file: z.looseObject({ file_id: z.string() }), file_url: z.string() }),
      }),
      handle: (_, request) => uploadSpeech(options, request),
    }),
  ];
}

/**
 * Keeps first the file, then the response that refers to it. Of a miner there is one such file to a task and key: what
 * is sent again finds the first, as only its first response counts, and an attempt that was cut off is completed. Under
 * another key nothing is told of it.
 */
async function uploadSpeech(options: SpeechRoutesOptions, request: ApiRequest): Promise<ApiResponse> {
  const { objects, secret, stager, stamps, speakers, maxFileBytes } = options;
  const { file, fields } = readFileForm(request, 'audio_file');
  const limit = Math.min(maxFileBytes, maxBodyUploadBytes);
  if (file.bytes.length === 0) throw new AppError('invalid_request', 'audio_file is empty.');
  if (file.bytes.length > limit) {
    throw new AppError(
      'payload_too_large',
      `audio_file has ${file.bytes.length} bytes; ${limit} are the most.`,
    );
  }
  // The file is not known yet, but the rest can be checked.
  const stamp = stamps.next();
  const reading = new Reading(true);
  const draft = responseEvent({ ...fields, response_data: {} }, stamp, { texts: true, reading });
  const spoken = speakers.spoken(request.caller, draft);
  const { miner_uid: minerUid } = draft.response;
  const named = [request.caller.keyId, draft.taskId, String(minerUid)];
  const fileId = secretFileId(await secret(), 'tts_audio', ...named);
  const claim = {
    fileId,
    fileName: read(fileName(), file.fileName || 'unnamed', 'file_name'),
    contentType: read(mediaTypeName(), file.contentType || 'audio/wav', 'content_type'),
    fileType: 'tts',
    size: file.bytes.length,
    sha256: null,
    madeBy: request.caller.keyId,
  };
  const labels = spoken.minerKey === undefined ? {} : speechLabels(draft.taskId);
  const present = await objects.describe(objectOf(fileId) ?? '');
  const record =
    (present && recordOf(present)) ??
    (await saveObject(options, checkedFile(claim, file.bytes), file.bytes, labels));
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
      warnings: reading.warnings,
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
