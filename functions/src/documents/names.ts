/** The one field that Sluice adds to a document: what it must remember of operations. */
export const metaField = '_sluice';

/** Where deletions are remembered. */
export const tombstonesCollection = 'tombstones';

/** Collections that are Sluice's own. Their rules of expiry hold for collections of these names at any depth. */
export const ownCollections: readonly string[] = ['tasks', 'files', 'quota', tombstonesCollection];
