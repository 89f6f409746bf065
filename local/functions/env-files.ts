import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';

/** Values a code base brings for local work, in the files that the Firebase CLI reads, the later winning. */
export function readEnvFiles(
  functionsDir: string,
  projectId: string,
): { env: Record<string, string>; secrets: Record<string, string> } {
  return {
    env: { ...deployedEnv(functionsDir, projectId), ...readValues(functionsDir, '.env.local') },
    secrets: readValues(functionsDir, '.secret.local'),
  };
}

/** Values that a deploy to the project gives the functions. */
export function deployedEnv(functionsDir: string, projectId: string): Record<string, string> {
  return { ...readValues(functionsDir, '.env'), ...readValues(functionsDir, `.env.${projectId}`) };
}

function readValues(functionsDir: string, name: string): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [key, value] of Object.entries(parseEnv(readIfPresent(join(functionsDir, name))))) {
    if (value !== undefined) values[key] = value;
  }
  return values;
}

function readIfPresent(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
