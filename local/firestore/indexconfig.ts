import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type FieldPath, nameField, parseFieldPath } from './fields.ts';

export type IndexMode = 'ascending' | 'descending' | 'contains';

export interface ConfiguredField {
  readonly path: string;
  readonly mode: IndexMode;
}

/** A composite index; the document's name is its last field, in a direction of its own, and not among `fields`. */
export interface CompositeIndex {
  readonly collectionId: string;
  /** Over all collections of this id, instead of over each by itself. */
  readonly collectionGroup: boolean;
  readonly fields: readonly ConfiguredField[];
  readonly nameDescending: boolean;
}

/** The single-field indexes of one field, by scope. */
export interface FieldIndexes {
  readonly collection: ReadonlySet<IndexMode>;
  readonly collectionGroup: ReadonlySet<IndexMode>;
}

/**
 * Indexes of every field that no override names
 * (firebase.google.com/docs/firestore/query-data/index-overview#automatic_indexing).
 */
const automatic: FieldIndexes = {
  collection: new Set<IndexMode>(['ascending', 'descending', 'contains']),
  collectionGroup: new Set<IndexMode>(),
};

interface IndexFieldJson {
  fieldPath?: string;
  order?: string;
  arrayConfig?: string;
  queryScope?: string;
}

interface IndexesJson {
  indexes?: { collectionGroup: string; queryScope?: string; fields: IndexFieldJson[] }[];
  fieldOverrides?: {
    collectionGroup: string;
    fieldPath: string;
    ttl?: boolean;
    indexes?: IndexFieldJson[];
  }[];
}

const groupScope = 'COLLECTION_GROUP';
const anyField = '*';
const anyCollection = '__default__';

function modeOf({ order, arrayConfig }: IndexFieldJson): IndexMode | undefined {
  if (arrayConfig !== undefined) return 'contains';
  if (order === undefined) return undefined;
  return order === 'DESCENDING' ? 'descending' : 'ascending';
}

function compositeOf({ collectionGroup, queryScope, fields }: NonNullable<IndexesJson['indexes']>[number]) {
  const modes = fields.map((field) => ({ path: field.fieldPath ?? '', mode: modeOf(field) }));
  const known = modes.filter((field): field is ConfiguredField => field.mode !== undefined);
  // A vector index serves no query that is answered here.
  if (known.length < modes.length) return [];
  const last = known.at(-1);
  return [
    {
      collectionId: collectionGroup,
      collectionGroup: queryScope === groupScope,
      fields: known.filter(({ path }) => path !== nameField),
      nameDescending: last?.mode === 'descending',
    },
  ];
}

function overrideKey(collectionId: string, path: FieldPath): string {
  return JSON.stringify([collectionId, ...path]);
}

/** The database's indexes and TTL policies, as `firestore.indexes.json` gives them. */
export class IndexConfig {
  readonly #composites = new Map<string, CompositeIndex[]>();
  readonly #overrides = new Map<string, FieldIndexes>();
  readonly #ttl = new Map<string, FieldPath>();

  constructor({ indexes = [], fieldOverrides = [] }: IndexesJson) {
    for (const composite of indexes.flatMap(compositeOf)) {
      const known = this.#composites.get(composite.collectionId);
      if (known === undefined) this.#composites.set(composite.collectionId, [composite]);
      else known.push(composite);
    }
    for (const { collectionGroup, fieldPath, ttl, indexes: fieldIndexes } of fieldOverrides) {
      const path = fieldPath === anyField ? [anyField] : parseFieldPath(fieldPath);
      if (ttl) this.#ttl.set(collectionGroup, path);
      if (fieldIndexes === undefined) continue;
      const inScope = (isGroup: boolean) =>
        new Set(
          fieldIndexes
            .filter(({ queryScope }) => (queryScope === groupScope) === isGroup)
            .map(modeOf)
            .filter((mode) => mode !== undefined),
        );
      this.#overrides.set(overrideKey(collectionGroup, path), {
        collection: inScope(false),
        collectionGroup: inScope(true),
      });
    }
  }

  composites(collectionId: string): readonly CompositeIndex[] {
    return this.#composites.get(collectionId) ?? [];
  }

  /**
   * A field without an override has that of the map it lies in, then that for all fields of the collection, or of any.
   */
  fieldIndexes(collectionId: string, path: FieldPath): FieldIndexes {
    if (this.#overrides.size === 0) return automatic;
    for (let length = path.length; length > 0; length--) {
      const override = this.#overrides.get(overrideKey(collectionId, path.slice(0, length)));
      if (override !== undefined) return override;
    }
    return (
      this.#overrides.get(overrideKey(collectionId, [anyField])) ??
      this.#overrides.get(overrideKey(anyCollection, [anyField])) ??
      automatic
    );
  }

  /** The field whose time ends the documents of collections with this id. */
  ttlField(collectionId: string): FieldPath | undefined {
    return this.#ttl.get(collectionId);
  }
}

/**
 * The indexes that a `firebase.json` deploys; undefined when it names none.
 * @throws Error naming the file that cannot be read
 */
export function indexesOf(firebaseJson: string): IndexConfig | undefined {
  const { firestore } = readJson<{ firestore?: { indexes?: string } }>(firebaseJson);
  if (firestore?.indexes === undefined) return undefined;
  return new IndexConfig(readJson<IndexesJson>(join(dirname(firebaseJson), firestore.indexes)));
}

function readJson<T>(file: string): T {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`${file} cannot be read: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
}
