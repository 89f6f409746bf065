import type { DeclaredFunction } from './declared.ts';
import { type GoogleApi, GoogleError } from './googleApi.ts';

/** A function that the project has. */
export interface DeployedFunction {
  id: string;
  region: string;
  isQueue: boolean;
  /** False while it is made, and where that failed. */
  isActive: boolean;
  /** Code base that the Firebase CLI deployed it from; undefined where something else did. */
  codebase: string | undefined;
  url: string;
  /** Names of its environment variables. */
  variables: string[];
  /** Version of the secret API_KEYS that its instances get; undefined where they get none. */
  keysVersion: string | undefined;
}

/** Name of this code base, in `firebase.json` too. */
const ownCodebase = 'sluice';

interface Listing {
  name: string;
  state?: string;
  labels?: Record<string, string>;
  url?: string;
  serviceConfig?: {
    environmentVariables?: object;
    secretEnvironmentVariables?: { key: string; version: string }[];
  };
}

/** Finds the project's functions of both generations; none where Cloud Functions was never switched on. */
export async function deployedFunctions(api: GoogleApi, projectId: string): Promise<DeployedFunction[]> {
  const url = `https://cloudfunctions.googleapis.com/v2/projects/${projectId}/locations/-/functions`;
  try {
    return (await api.list<Listing>(url, 'functions')).map(readFunction);
  } catch (error) {
    if (error instanceof GoogleError && error.reason === 'SERVICE_DISABLED') return [];
    throw error;
  }
}

/** The labels are the Firebase CLI's (firebase-tools, `gcp/cloudfunctionsv2`). */
function readFunction({ name, state, labels = {}, url = '', serviceConfig }: Listing): DeployedFunction {
  const [, , , region = '', , id = ''] = name.split('/');
  const isCli = labels['deployment-tool']?.startsWith('cli-firebase') === true;
  const codebase = isCli ? (labels['firebase-functions-codebase'] ?? 'default') : undefined;
  const isQueue = labels['deployment-taskqueue'] === 'true';
  const variables = Object.keys(serviceConfig?.environmentVariables ?? {});
  const secrets = serviceConfig?.secretEnvironmentVariables ?? [];
  const keysVersion = secrets.find(({ key }) => key === 'API_KEYS')?.version;
  return { id, region, isQueue, isActive: state === 'ACTIVE', codebase, url, variables, keysVersion };
}

export function isOwn({ codebase }: DeployedFunction): boolean {
  return codebase === ownCodebase;
}

/** Finds the functions of others that a deploy would replace, one sentence each. */
export function whatWouldBeReplaced(
  declared: readonly DeclaredFunction[],
  deployed: readonly DeployedFunction[],
): string[] {
  return deployed
    .filter((one) => !isOwn(one) && declared.some((own) => isSame(own, one)))
    .map(({ id, region, codebase }) => {
      const by = codebase === undefined ? 'not by the Firebase CLI' : `from the code base ${codebase}`;
      return `${id} in ${region} was deployed ${by}.`;
    });
}

/** Functions of this code base that a deploy deletes, as the code has them no more. */
export function whatGoes(
  declared: readonly DeclaredFunction[],
  deployed: readonly DeployedFunction[],
): DeployedFunction[] {
  return deployed.filter((one) => isOwn(one) && !declared.some((own) => isSame(own, one)));
}

type Place = Pick<DeployedFunction, 'id' | 'region'>;

function isSame(one: Place, other: Place): boolean {
  return one.region === other.region && one.id.toLowerCase() === other.id.toLowerCase();
}
