import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { discoverFunctions } from '../../local/functions/discovery.ts';
import { deployedEnv } from '../../local/functions/env-files.ts';
import type { WireManifest } from '../../local/functions/manifest.ts';
import { idPrefixOf } from '../../local/hosting/config.ts';

const root = join(import.meta.dirname, '../..');

/** A function of this code, as a deploy makes it. */
export interface DeclaredFunction {
  id: string;
  region: string;
  isQueue: boolean;
  /** vCPUs that its instances have together when there are as many as may be. */
  vcpus: number;
}

/** Code that a deploy would send, and where the Firebase CLI finds what it says of it. */
export interface Declared {
  manifest: WireManifest;
  functions: DeclaredFunction[];
  wantedIndexes: WantedIndexes;
}

/** Contents of `firestore.indexes.json`. */
export interface WantedIndexes {
  indexes: {
    collectionGroup: string;
    queryScope: string;
    fields: { fieldPath: string; order?: string; arrayConfig?: string }[];
  }[];
  fieldOverrides: {
    collectionGroup: string;
    fieldPath: string;
    ttl?: boolean;
    indexes: { order?: string; arrayConfig?: string }[];
  }[];
}

export function readWantedIndexes(): WantedIndexes {
  return JSON.parse(readFileSync(join(root, 'firestore.indexes.json'), 'utf8'));
}

/** Finds the functions with the variables of the project's .env files, as the Firebase CLI does. */
export async function declaredFunctions(
  functionsDir: string,
  projectId: string,
  storageBucket: string,
): Promise<Declared> {
  const env = deployedEnv(functionsDir, projectId);
  const manifest = await discoverFunctions({ functionsDir, projectId, storageBucket, env });
  const prefix = idPrefixOf(join(root, 'firebase.json'), join(root, 'functions'));
  const functions = Object.entries(manifest.endpoints).flatMap(([name, endpoint]) => {
    const { region = [], taskQueueTrigger, cpu, maxInstances } = endpoint;
    const about = { isQueue: taskQueueTrigger !== undefined, vcpus: Number(cpu) * Number(maxInstances) };
    return region.map((each) => ({ id: prefix + name, region: each, ...about }));
  });
  return { manifest, functions, wantedIndexes: readWantedIndexes() };
}
