import { readWantedIndexes } from '../google/declared.ts';
import { type GoogleApi, GoogleError } from '../google/googleApi.ts';
import { foreignFields } from './foreignFields.ts';

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

interface Release {
  name: string;
  rulesetName: string;
}

interface Ruleset {
  source?: { files?: { content?: string }[] };
}

/**
 * Stops a first deploy that would replace what somebody may miss: rules that let clients in, a site that was released,
 * settings of fields.
 * @throws Error, also with `mayReplace` where there is something that a deploy cannot replace.
 */
export async function refuseToReplace(api: GoogleApi, project: string, mayReplace: boolean): Promise<void> {
  const { replaced, inTheWay } = await whatIsReplaced(api, project);
  if (inTheWay.length > 0) {
    throw new Error(
      `Documents of a collection end by one field, and here that is ${inTheWay.join(', ')} (TTL). Take a project of ` +
        'its own for Sluice, or take that rule off: gcloud firestore fields ttls update FIELD ' +
        `--collection-group=COLLECTION --disable-ttl --project=${project}`,
    );
  }
  if (replaced.length === 0 || mayReplace) return;
  throw new Error(
    `This project has something of its own, which a deploy replaces: ${replaced.join('; ')}.\n` +
      'Take a project of its own for Sluice; or, where they may go, add --replace.',
  );
}

async function whatIsReplaced(api: GoogleApi, projectId: string) {
  const rules = 'https://firebaserules.googleapis.com/v1';
  const releases = await api.list<Release>(`${rules}/projects/${projectId}/releases`, 'releases');
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
  const { replaced: settings, inTheWay } = await foreignFields(api, projectId, readWantedIndexes());
  return { replaced: [...replaced, ...settings], inTheWay };
}

/** True for rules that allow anything; those that the console makes at first allow nothing, or have a date. */
function letsIn(rules: string): boolean {
  const withoutComments = rules.replace(/\/\/.*$/gm, '');
  return [...withoutComments.matchAll(/\ballow\b[^;]*;/g)].some(
    ([allow]) => !/:\s*if\s+false\s*;$/.test(allow),
  );
}
