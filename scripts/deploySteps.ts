import { type GoogleApi, GoogleError } from './googleApi.ts';

/** A step that did not succeed, and what it printed. */
export class Failed extends Error {
  readonly output: string;

  constructor(what: string, output: string) {
    super(`${what} failed; what it printed says why. Nothing is lost: run the same command again.`);
    this.output = output;
  }
}

/** True where the secret has a version, so that keys exist. */
export async function hasKeys(api: GoogleApi, projectId: string): Promise<boolean> {
  const url = `https://secretmanager.googleapis.com/v1/projects/${projectId}/secrets/API_KEYS/versions/latest`;
  try {
    return (await api.get(url)) !== undefined;
  } catch (error) {
    if (error instanceof GoogleError && error.reason === 'SERVICE_DISABLED') return false;
    throw error;
  }
}

interface Releases {
  releases?: { name: string; rulesetName: string }[];
}

interface Ruleset {
  source?: { files?: { content?: string }[] };
}

/** Finds what a first deploy replaces that somebody may miss: rules that let clients in, a site that was released. */
export async function whatIsReplaced(api: GoogleApi, projectId: string): Promise<string[]> {
  const rules = 'https://firebaserules.googleapis.com/v1';
  const { releases = [] } = (await api.get<Releases>(`${rules}/projects/${projectId}/releases`)) ?? {};
  const replaced: string[] = [];
  for (const { name, rulesetName } of releases) {
    const ruleset = await api.get<Ruleset>(`${rules}/${rulesetName}`);
    const content = ruleset?.source?.files?.map((file) => file.content ?? '').join('\n') ?? '';
    if (letsIn(content)) replaced.push(`the rules ${name.split('/releases/')[1]}, which let clients in`);
  }
  const site = `https://firebasehosting.googleapis.com/v1beta1/projects/${projectId}/sites/${projectId}`;
  const hosting = await api.get<{ releases?: { version?: object }[] }>(`${site}/releases?pageSize=1`);
  if (hosting?.releases?.some(({ version }) => version))
    replaced.push(`the Hosting site https://${projectId}.web.app`);
  return replaced;
}

/** True for rules that allow anything; those that the console makes at first allow nothing, or have a date. */
function letsIn(rules: string): boolean {
  const withoutComments = rules.replace(/\/\/.*$/gm, '');
  return [...withoutComments.matchAll(/\ballow\b[^;]*;/g)].some(
    ([allow]) => !/:\s*if\s+false\s*;$/.test(allow),
  );
}

/** API keys that `setup --new-keys` printed, by role, and the secret that makes them valid. */
export function readNewKeys(printed: string): { keys: Record<string, string>; secret: string } {
  const shown = [...printed.matchAll(/^ {2}(\w+) +([\w-]{43})$/gm)];
  const keys = Object.fromEntries(shown.map(([, role = '', key = '']) => [role, key]));
  return { keys, secret: printed.trimEnd().split('\n').at(-1) ?? '' };
}
