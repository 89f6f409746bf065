import { type GoogleApi, GoogleError } from './googleApi.ts';

/** A Firebase project, as much of it as a deploy must fit. */
export interface ProjectFacts {
  id: string;
  number: string;
  /** Account that functions run as, and Cloud Tasks calls them as. */
  account: string;
  bucket: string;
  bucketLocation: string;
  firestoreLocation: string;
}

/** A project that Sluice cannot run in, and the address or command that mends it. */
export class Unfit extends Error {
  readonly check: string;
  readonly detail: string;
  readonly mend: string;

  constructor(check: string, detail: string, mend: string) {
    super(`${detail}: ${mend}`);
    this.check = check;
    this.detail = detail;
    this.mend = mend;
  }
}

/** APIs that the functions or their deploy call; switching them on first saves the Firebase CLI a minute of waiting. */
const services = [
  'artifactregistry',
  'cloudbuild',
  'cloudfunctions',
  'cloudresourcemanager',
  'cloudscheduler',
  'cloudtasks',
  'compute',
  'eventarc',
  'firebaseextensions',
  'firestore',
  'iam',
  'iamcredentials',
  'pubsub',
  'run',
  'secretmanager',
  'storage',
];

/**
 * Looks whether Sluice can be deployed to the project.
 * @throws Unfit where something is missing, and Error where the project cannot be seen.
 */
export async function projectFacts(api: GoogleApi, id: string, givenBucket?: string): Promise<ProjectFacts> {
  const project = await explained(id, () =>
    api.call<{ projectNumber: string }>('GET', `https://firebase.googleapis.com/v1beta1/projects/${id}`),
  );
  const console = `https://console.firebase.google.com/project/${id}`;
  const billing = await api.get<{ billingEnabled?: boolean }>(
    `https://cloudbilling.googleapis.com/v1/projects/${id}/billingInfo`,
  );
  if (billing?.billingEnabled !== true) {
    const detail = `Functions need the Blaze plan, which ${id} does not have`;
    throw new Unfit('billing', detail, `${console}/usage/details`);
  }
  const { storageBucket } = await api.call<{ storageBucket?: string }>(
    'GET',
    `https://firebase.googleapis.com/v1beta1/projects/${id}/adminSdkConfig`,
  );
  const bucket = givenBucket ?? storageBucket;
  if (bucket === undefined) {
    const mend = `press “Get started” at ${console}/storage, then run this again`;
    throw new Unfit('bucket', 'Storage is not set up', mend);
  }
  const found = await api.get<{ location: string }>(`https://storage.googleapis.com/storage/v1/b/${bucket}`);
  if (found === undefined) {
    const mend = `--bucket names another; ${console}/storage has the project's`;
    throw new Unfit('bucket', `There is no bucket ${bucket}`, mend);
  }
  const database = await api.get<{ locationId: string; type: string }>(
    `https://firestore.googleapis.com/v1/projects/${id}/databases/(default)`,
  );
  if (database?.type !== 'FIRESTORE_NATIVE') {
    const detail = 'There is no Firestore database in Native mode';
    throw new Unfit('Firestore', detail, `make one at ${console}/firestore`);
  }
  const account = `${project.projectNumber}-compute@developer.gserviceaccount.com`;
  const places = { bucketLocation: found.location, firestoreLocation: database.locationId };
  return { id, number: project.projectNumber, account, bucket, ...places };
}

async function explained<Result>(id: string, call: () => Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof GoogleError) || ![403, 404].includes(error.status)) throw error;
    throw new Error(
      `There is no Firebase project ${id}, or whoever is logged in may not see it. ` +
        '`npx firebase projects:list` shows those you may see, `npx firebase login` changes the account.',
      { cause: error },
    );
  }
}

/** Names of the APIs that are off. */
export async function offServices(api: GoogleApi, { id }: ProjectFacts): Promise<string[]> {
  const states = await Promise.all(
    services.map(async (name) => {
      const url = `https://serviceusage.googleapis.com/v1/projects/${id}/services/${name}.googleapis.com`;
      return { name, state: (await api.call<{ state?: string }>('GET', url)).state };
    }),
  );
  return states.filter(({ state }) => state !== 'ENABLED').map(({ name }) => name);
}

/** Switches on what is off. */
export async function enableServices(api: GoogleApi, { id }: ProjectFacts): Promise<void> {
  const serviceIds = services.map((name) => `${name}.googleapis.com`);
  await api.call('POST', `https://serviceusage.googleapis.com/v1/projects/${id}/services:batchEnable`, {
    serviceIds,
  });
}
