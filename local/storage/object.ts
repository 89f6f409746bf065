import { invalid, notImplemented } from './errors.ts';

/** Fields that a caller can set on an object. */
export interface ObjectFields {
  contentType?: string;
  contentEncoding?: string;
  contentDisposition?: string;
  contentLanguage?: string;
  cacheControl?: string;
  /** RFC 3339. */
  customTime?: string;
  metadata?: Record<string, string>;
  temporaryHold?: boolean;
  eventBasedHold?: boolean;
}

/** One generation of an object. Never changed in place: a change of its fields makes a new value. */
export interface StoredObject {
  readonly bucket: string;
  readonly name: string;
  readonly generation: number;
  readonly metageneration: number;
  readonly data: Buffer;
  readonly crc32c: string;
  /** A composed object has none. */
  readonly md5Hash: string | undefined;
  /** The number of objects that a composed object was made of. */
  readonly componentCount?: number | undefined;
  readonly createdMs: number;
  readonly updatedMs: number;
  readonly fields: ObjectFields;
}

const textFields = [
  'contentType',
  'contentEncoding',
  'contentDisposition',
  'contentLanguage',
  'cacheControl',
] as const;
const holds = ['temporaryHold', 'eventBasedHold'] as const;
const settable = [...textFields, ...holds, 'storageClass', 'customTime', 'metadata'];
/** Fields of an object that only the service sets; sent ones are ignored, but for checksums. */
const outputOnly = [
  ...['kind', 'id', 'selfLink', 'mediaLink', 'name', 'bucket', 'generation', 'metageneration', 'size'],
  ...['md5Hash', 'crc32c', 'etag', 'componentCount'],
  ...['timeCreated', 'timeStorageClassUpdated', 'timeFinalized', 'updated'],
];
const maxNameBytes = 1024;
/** https://cloud.google.com/storage/quotas#objects */
const maxCustomMetadataBytes = 8 * 1024;

/** Throws 400 for a name that no object can have (https://cloud.google.com/storage/docs/objects#naming). */
export function checkName(name: string): string {
  const bytes = Buffer.byteLength(name);
  if (bytes === 0) throw invalid('Required: the object name.');
  if (bytes > maxNameBytes || /[\r\n]/.test(name) || name === '.' || name === '..') {
    throw invalid(`Invalid object name: "${name.slice(0, 80)}".`);
  }
  return name;
}

/** Throws 501 for a class that is not the standard one. */
export function checkStorageClass(storageClass: unknown): void {
  if (storageClass !== undefined && storageClass !== null && storageClass !== 'STANDARD') {
    throw notImplemented(`storage class ${String(storageClass)}`);
  }
}

/**
 * The fields after a caller's change: null removes one, `metadata` is merged by key. Throws 400 for a value of the
 * wrong type and for a `customTime` that goes back or is removed, 501 for what is not here.
 */
export function changeFields(fields: ObjectFields, change: Record<string, unknown>): ObjectFields {
  const known = [...settable, ...outputOnly];
  const missing = Object.keys(change).find((field) => change[field] !== null && !known.includes(field));
  if (missing !== undefined) throw notImplemented(missing);
  checkStorageClass(change['storageClass']);
  const changed: ObjectFields = { ...fields };
  for (const hold of holds) {
    const value = change[hold];
    if (value === null) delete changed[hold];
    else if (typeof value === 'boolean') changed[hold] = value;
    else if (value !== undefined) throw invalid(`Invalid value for ${hold}.`);
  }
  for (const field of textFields) {
    const value = change[field];
    if (value === null) delete changed[field];
    else if (typeof value === 'string') changed[field] = value;
    else if (value !== undefined) throw invalid(`Invalid value for ${field}.`);
  }
  if (change['customTime'] !== undefined)
    changed.customTime = laterTime(fields.customTime, change['customTime']);
  if (change['metadata'] !== undefined) changed.metadata = mergeMetadata(fields.metadata, change['metadata']);
  return changed;
}

export function toResource(object: StoredObject, origin: string): Record<string, unknown> {
  const { bucket, name, generation } = object;
  const path = `b/${encodeURIComponent(bucket)}/o/${encodeURIComponent(name)}`;
  const created = new Date(object.createdMs).toISOString();
  return {
    kind: 'storage#object',
    id: `${bucket}/${name}/${generation}`,
    selfLink: `${origin}/storage/v1/${path}`,
    mediaLink: `${origin}/download/storage/v1/${path}?generation=${generation}&alt=media`,
    name,
    bucket,
    generation: String(generation),
    metageneration: String(object.metageneration),
    storageClass: 'STANDARD',
    size: String(object.data.length),
    md5Hash: object.md5Hash,
    componentCount: object.componentCount,
    crc32c: object.crc32c,
    etag: etagOf(object),
    timeCreated: created,
    timeStorageClassUpdated: created,
    timeFinalized: created,
    updated: new Date(object.updatedMs).toISOString(),
    ...object.fields,
  };
}

/** The value of `X-Goog-Hash`. */
export function hashHeader({ crc32c, md5Hash }: StoredObject): string {
  return md5Hash === undefined ? `crc32c=${crc32c}` : `crc32c=${crc32c},md5=${md5Hash}`;
}

export function etagOf(object: StoredObject): string {
  return Buffer.from(`${object.generation}/${object.metageneration}`).toString('base64');
}

function laterTime(current: string | undefined, wanted: unknown): string {
  const wantedMs = typeof wanted === 'string' ? Date.parse(wanted) : Number.NaN;
  if (Number.isNaN(wantedMs))
    throw invalid('Invalid value for customTime: it must be a time and cannot be removed.');
  if (current !== undefined && wantedMs < Date.parse(current)) {
    throw invalid('Custom time cannot be set to a time before the one it has.');
  }
  return new Date(wantedMs).toISOString();
}

function mergeMetadata(current: Record<string, string> | undefined, change: unknown): Record<string, string> {
  const merged = new Map(Object.entries(change === null ? {} : (current ?? {})));
  if (typeof change !== 'object') throw invalid('Invalid value for metadata.');
  for (const [key, value] of Object.entries(change ?? {})) {
    if (value === null) merged.delete(key);
    else merged.set(key, String(value));
  }
  const metadata = Object.fromEntries(merged);
  if (Buffer.byteLength(Object.entries(metadata).flat().join('')) > maxCustomMetadataBytes) {
    throw invalid('The custom metadata is larger than 8 KiB.');
  }
  return metadata;
}
