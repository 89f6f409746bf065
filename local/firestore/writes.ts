import type { DocumentVersion } from './entries.ts';
import { invalidArgument, StatusError, status } from './errors.ts';
import { FieldsDraft, getField, nameField, parseFieldPath } from './fields.ts';
import type { IndexConfig } from './indexconfig.ts';
import { checkIndexEntries } from './indexentries.ts';
import { maxTransformsPerDocument } from './limits.ts';
import { checkedDocumentBytes } from './sizes.ts';
import type { Change } from './store.ts';
import { type Micros, timestampValue } from './times.ts';
import { transformField } from './transforms.ts';
import { emptyFields, type Fields, identicalFields, type Value } from './values.ts';
import type { FieldTransform, Precondition, Write, WriteResult } from './wire.ts';

/** A write whose document's path is known and valid. */
export interface PlannedWrite {
  readonly path: string;
  readonly write: Write;
}

/** The effect of a commit, with nothing stored yet. */
interface WriteOutcome {
  readonly results: WriteResult[];
  readonly changes: Change[];
  readonly writes: number;
  readonly deletes: number;
}

/** The name of the document that a write is for. */
export function writtenName(write: Write): string {
  switch (write.operation) {
    case 'update':
      return write.update?.name ?? '';
    case 'delete':
      return write.delete;
    case 'transform':
      return write.transform?.document ?? '';
    default:
      throw invalidArgument('A write has no operation.');
  }
}

function checkPrecondition(
  path: string,
  condition: Precondition | null,
  current: DocumentVersion | undefined,
): void {
  if (condition?.conditionType === 'exists') {
    if (condition.exists && current === undefined) {
      throw new StatusError(status.notFound, `No document to update: ${path}`);
    }
    if (!condition.exists && current !== undefined) {
      throw new StatusError(status.alreadyExists, `Document already exists: ${path}`);
    }
  }
  if (condition?.conditionType === 'updateTime') {
    if (current === undefined) throw new StatusError(status.notFound, `No document to update: ${path}`);
    if (current.updateTime !== condition.updateTime) {
      const message = `The stored version of ${path} does not match the required base version.`;
      throw new StatusError(status.failedPrecondition, message);
    }
  }
}

function fieldPath(text: string) {
  if (text === nameField) throw invalidArgument(`"${nameField}" cannot be written.`);
  return parseFieldPath(text);
}

function maskedFields(current: Fields, written: Fields, mask: readonly string[]): Fields {
  const draft = new FieldsDraft(current);
  for (const text of mask) {
    const path = fieldPath(text);
    draft.set(path, getField(written, path));
  }
  return draft.fields;
}

function transformFields(
  fields: Fields,
  transforms: readonly FieldTransform[],
  requestTime: Value,
): { fields: Fields; results: Value[] } {
  const draft = new FieldsDraft(fields);
  const results = transforms.map((transform) => {
    const path = fieldPath(transform.fieldPath);
    const { value, result } = transformField(draft.get(path), transform, requestTime);
    draft.set(path, value);
    return result;
  });
  return { fields: draft.fields, results };
}

/** The writes of one commit over the documents as `read` gives them, applied in order. */
class CommitDraft {
  readonly #read: (path: string) => DocumentVersion | undefined;
  readonly #time: Micros;
  readonly #indexes: IndexConfig | undefined;
  readonly #drafts = new Map<string, DocumentVersion | undefined>();
  readonly #transforms = new Map<string, number>();
  writes = 0;
  deletes = 0;

  constructor(
    read: (path: string) => DocumentVersion | undefined,
    time: Micros,
    indexes: IndexConfig | undefined,
  ) {
    this.#read = read;
    this.#time = time;
    this.#indexes = indexes;
  }

  apply({ path, write }: PlannedWrite): WriteResult {
    const current = this.#drafts.has(path) ? this.#drafts.get(path) : this.#read(path);
    checkPrecondition(path, write.currentDocument, current);
    if (write.operation === 'delete') {
      this.deletes++;
      this.#drafts.set(path, undefined);
      return {};
    }
    this.writes++;
    const { fields, results } = this.#written(write, current?.fields ?? emptyFields);
    this.#countTransforms(path, results.length);
    const version = this.#version(path, fields, current);
    this.#drafts.set(path, version);
    return { updateTime: version.updateTime, ...(results.length > 0 && { transformResults: results }) };
  }

  changes(): Change[] {
    return [...this.#drafts].map(([path, version]) => ({ path, version }));
  }

  #written(write: Write, current: Fields): { fields: Fields; results: Value[] } {
    const written = write.update?.fields ?? emptyFields;
    let fields = written;
    if (write.operation === 'transform') fields = current;
    else if (write.updateMask !== null) fields = maskedFields(current, written, write.updateMask.fieldPaths);
    const transforms =
      write.operation === 'transform' ? (write.transform?.fieldTransforms ?? []) : write.updateTransforms;
    if (transforms.length === 0) return { fields, results: [] };
    return transformFields(fields, transforms, timestampValue(this.#time));
  }

  #countTransforms(path: string, more: number): void {
    if (more === 0) return;
    const count = (this.#transforms.get(path) ?? 0) + more;
    this.#transforms.set(path, count);
    if (count > maxTransformsPerDocument)
      throw invalidArgument(`More than ${maxTransformsPerDocument} field transforms on "${path}".`);
  }

  #version(path: string, fields: Fields, current: DocumentVersion | undefined): DocumentVersion {
    const sizeBytes = checkedDocumentBytes(path, fields);
    if (this.#indexes !== undefined) checkIndexEntries(this.#indexes, path, fields, sizeBytes);
    if (current !== undefined && identicalFields(current.fields, fields)) return current;
    const createTime = current?.createTime ?? this.#time;
    return { fields, createTime, updateTime: this.#time, sizeBytes };
  }
}

/**
 * Works out a commit without storing it; all or nothing.
 * @throws StatusError NOT_FOUND, ALREADY_EXISTS or FAILED_PRECONDITION for a precondition that does not hold,
 * INVALID_ARGUMENT for what may not be stored.
 */
export function draftCommit(
  writes: readonly PlannedWrite[],
  read: (path: string) => DocumentVersion | undefined,
  time: Micros,
  indexes: IndexConfig | undefined,
): WriteOutcome {
  const draft = new CommitDraft(read, time, indexes);
  const results = writes.map((write) => draft.apply(write));
  return { results, changes: draft.changes(), writes: draft.writes, deletes: draft.deletes };
}
