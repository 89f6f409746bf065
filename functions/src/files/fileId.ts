import { secretUuid } from '../platform/ids.ts';

/** The bucket's folders; a file id's last digit is the index of its folder, so the order must stay. */
export const folders = [
  'temp',
  'user_audio',
  'tts_audio',
  'summarization_files',
  'user_videos',
  'user_documents',
] as const;
export type Folder = (typeof folders)[number];

const folderByType: Readonly<Record<string, Folder>> = {
  transcription: 'user_audio',
  audio: 'user_audio',
  tts: 'tts_audio',
  summarization: 'summarization_files',
  video: 'user_videos',
  video_transcription: 'user_videos',
  document: 'user_documents',
  documents: 'user_documents',
  document_translation: 'user_documents',
  temp: 'temp',
  other: 'temp',
};

/** Every `file_type` there is. */
export const fileTypes = Object.keys(folderByType);

/** The folder of files of this type; undefined for a type that there is not. */
export function folderOfType(fileType: string): Folder | undefined {
  return Object.hasOwn(folderByType, fileType) ? folderByType[fileType] : undefined;
}

/**
 * A file id: a UUID whose last digit names the folder, so that the object of a file is found by its id alone, without
 * its document. The rest is random, or made with a secret, and nobody guesses it: who knows it may have the file.
 */
export function fileIdOf(uuid: string, folder: Folder): string {
  return uuid.slice(0, -1) + folders.indexOf(folder).toString(16);
}

/** The id that is always the same for the same parts. `secret`: of {@link FileSecret}. */
export function secretFileId(secret: string, folder: Folder, ...parts: string[]): string {
  return fileIdOf(secretUuid(secret, 'file', ...parts), folder);
}

/** The folder in a file id; undefined for what is no file id. */
export function folderOfId(fileId: string): Folder | undefined {
  if (!/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(fileId)) return undefined;
  return folders[Number.parseInt(fileId.slice(-1), 16)];
}

/** The object of a file that is, or would be, in Cloud Storage; undefined for what is no file id. */
export function objectOf(fileId: string): string | undefined {
  const folder = folderOfId(fileId);
  return folder === undefined ? undefined : `${folder}/${fileId}`;
}

/** The file id in an object's name; undefined for an object that is no file. */
export function fileIdOfObject(name: string): string | undefined {
  const fileId = name.slice(name.lastIndexOf('/') + 1);
  return objectOf(fileId) === name ? fileId : undefined;
}
