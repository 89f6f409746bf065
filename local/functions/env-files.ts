import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';

/** Values a code base brings for local work, in the files that the Firebase CLI reads, the later winning. */
export function readEnvFiles(
  functionsDir: string,
  projectId: string,
): { env: Record<string, string>; secrets: Record<string, string> } {
  const read = (name: string): Record<string, string> => {
    const values: Record<string, string> = {};
    for (const [key, value] of Object.entries(parseEnv(readIfPresent(join(functionsDir, name))))) {
      if (value !== undefined) values[key] = value;
    }
    return values;
  };
  return {
    env: { ...read('.env'), ...read(`.env.${projectId}`), ...read('.env.local') },
    secrets: read('.secret.local'),
  };
}

function readIfPresent(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
