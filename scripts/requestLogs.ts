/** An exclusion of request logs, in the sink `_Default` of a project: what matches is neither kept nor billed. */

const exclusionName = 'sluice-requests';

/** Cloud Logging's API, as whoever runs the command. */
export interface LoggingApi {
  url: string;
  token: string;
}

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

/**
 * Excludes request logs, or has them kept again. Can be run again; says what it is about to do, and what it did.
 * @throws Error that says which permission is missing, or what the service answered.
 * @see https://cloud.google.com/logging/docs/reference/v2/rest/v2/projects.exclusions
 */
export async function setRequestLogs(
  api: LoggingApi,
  project: string,
  { functionNames, areKept }: { functionNames: readonly string[]; areKept: boolean },
  say: (line: string) => void,
): Promise<void> {
  const all = `projects/${project}/exclusions`;
  const one = `${all}/${exclusionName}`;
  const present = await call<{ filter?: string; disabled?: boolean }>(api, 'GET', one);
  if (areKept) {
    if (present === undefined) return say('Request logs are kept: there is no exclusion.');
    say(`Deleting the exclusion ${exclusionName}: ${present.filter}`);
    await call(api, 'DELETE', one);
    return say('Request logs are kept from now on.');
  }
  const filter = requestLogsFilter(functionNames);
  if (present?.filter === filter && present.disabled !== true) {
    return say(`Request logs are excluded already by ${exclusionName}.`);
  }
  say(`Excluding from what Cloud Logging keeps: ${filter}`);
  const exclusion = { name: exclusionName, description: 'Sluice: requests that succeeded', filter };
  if (present === undefined) await call(api, 'POST', all, exclusion);
  else await call(api, 'PATCH', `${one}?updateMask=filter,disabled`, { ...exclusion, disabled: false });
  say('Request logs are excluded from now on where a request succeeds.');
}

/** The answer's JSON; undefined for what there is not. */
async function call<Result>(
  { url, token }: LoggingApi,
  method: string,
  path: string,
  body?: object,
): Promise<Result | undefined> {
  const answer = await fetch(`${url}/v2/${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (answer.status === 404 && method === 'GET') return undefined;
  if (answer.ok) return (await answer.json()) as Result;
  const { status } = answer;
  const hint =
    status === 403
      ? ' If a permission is missing: the role Logs Configuration Writer (roles/logging.configWriter) has it.'
      : '';
  throw new Error(`Cloud Logging answered ${status} to ${method} ${path}: ${await answer.text()}${hint}`);
}
