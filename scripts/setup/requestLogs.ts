/** An exclusion of request logs, in the sink `_Default` of a project: what matches is neither kept nor billed. */

import { type GoogleApi, GoogleError } from '../google/googleApi.ts';

const exclusionName = 'sluice-requests';

/**
 * The filter of the request logs of these functions that succeeded. A function's Cloud Run service has its name in
 * lower case: https://firebase.google.com/docs/functions/version-comparison
 */
export function requestLogsFilter(functionNames: readonly string[]): string {
  const services = functionNames.map((name) => `"${name.toLowerCase()}"`).join(' OR ');
  return [
    'resource.type="cloud_run_revision"',
    `resource.labels.service_name=(${services})`,
    'log_id("run.googleapis.com/requests")',
    'httpRequest.status<400',
  ].join(' AND ');
}

interface RequestLogs {
  functionNames: readonly string[];
  /** False: those of requests that succeed are excluded. */
  areKept: boolean;
}

/**
 * Excludes request logs, or has them kept again. Can be run again; says what it is about to do, and what it did.
 * @throws Error that says which role may be missing, or what the service answered.
 * @see https://cloud.google.com/logging/docs/reference/v2/rest/v2/projects.exclusions
 */
export async function setRequestLogs(
  api: GoogleApi,
  project: string,
  wish: RequestLogs,
  say: (line: string) => void,
): Promise<void> {
  try {
    await set(api, project, wish, say);
  } catch (error) {
    if (!(error instanceof GoogleError) || error.status !== 403) throw error;
    const role = 'the role Logs Configuration Writer (roles/logging.configWriter)';
    throw new Error(`${error.message}. If a permission is missing: ${role} has it.`, { cause: error });
  }
}

async function set(
  api: GoogleApi,
  project: string,
  { functionNames, areKept }: RequestLogs,
  say: (line: string) => void,
): Promise<void> {
  const all = `https://logging.googleapis.com/v2/projects/${project}/exclusions`;
  const one = `${all}/${exclusionName}`;
  const present = await api.get<{ filter?: string; disabled?: boolean }>(one);
  if (areKept) {
    if (present === undefined) return say('Request logs are kept: there is no exclusion.');
    say(`Deleting the exclusion ${exclusionName}: ${present.filter}`);
    await api.call('DELETE', one);
    return say('Request logs are kept from now on.');
  }
  const filter = requestLogsFilter(functionNames);
  if (present?.filter === filter && present.disabled !== true) {
    return say(`Request logs are excluded already by ${exclusionName}.`);
  }
  say(`Excluding from what Cloud Logging keeps: ${filter}`);
  const exclusion = { name: exclusionName, description: 'Sluice: requests that succeeded', filter };
  if (present === undefined) await api.call('POST', all, exclusion);
  else await api.call('PATCH', `${one}?updateMask=filter,disabled`, { ...exclusion, disabled: false });
  say('Request logs are excluded from now on where a request succeeds.');
}
