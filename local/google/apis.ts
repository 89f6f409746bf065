import { type Answer, type Call, ok, Refusal } from './call.ts';
import { firestoreAdmin, securityRules } from './firestoreAdmin.ts';
import { cloudFunctions, cloudRun } from './functions.ts';
import { hostingAdmin, hostingUpload } from './hostingAdmin.ts';
import { cloudLogging, cloudMonitoring } from './monitoring.ts';
import { iam } from './policies.ts';
import type { Project } from './project.ts';
import { artifactRegistry, billing, compute, firebase, resourceManager, serviceUsage } from './projects.ts';
import { cloudScheduler, cloudTasks, type TaskHolder } from './queues.ts';
import { secretManager } from './secrets.ts';
import { storageAdmin } from './storageAdmin.ts';

type Api = (project: Project, call: Call, holder: TaskHolder) => Answer | undefined;

const nothing: Api = () => ok({});

/** Google’s APIs by their hosts, without `.googleapis.com`. */
const apis: Readonly<Record<string, Api>> = {
  artifactregistry: artifactRegistry,
  cloudbilling: billing,
  cloudbuild: nothing,
  cloudfunctions: cloudFunctions,
  cloudresourcemanager: resourceManager,
  cloudscheduler: cloudScheduler,
  cloudtasks: cloudTasks,
  compute,
  eventarc: nothing,
  firebase,
  firebaseextensions: () => ok({ instances: [] }),
  firebasehosting: hostingAdmin,
  firebaselogging: nothing,
  'firebaselogging-pa': nothing,
  firebaserules: securityRules,
  firebasestorage: storageAdmin,
  firebasetelemetry: nothing,
  firestore: firestoreAdmin,
  iam,
  logging: cloudLogging,
  monitoring: cloudMonitoring,
  oauth2: token,
  pubsub: nothing,
  run: cloudRun,
  runtimeconfig: () => ok({ configs: [] }),
  secretmanager: secretManager,
  serviceusage: serviceUsage,
  storage: storageAdmin,
  'upload-firebasehosting': hostingUpload,
  www: token,
  'accounts.google.com': token,
  'auth.firebase.tools': nothing,
  'firebase-public.firebaseio.com': nothing,
  'www.google-analytics.com': nothing,
};

/** Message of the answer to calls that nothing here knows. */
export const unknownCall = 'The local Google has no answer';

export function answerCall(project: Project, call: Call, holder: TaskHolder): Answer {
  const name = call.host.replace(/\.googleapis\.com$/, '').replace(/^[a-z]+-[a-z]+\d-/, '');
  try {
    const isLogin = apis[name] === token;
    if (project.isLoggedOut && !isLogin)
      throw new Refusal(401, 'UNAUTHENTICATED', 'Request had invalid authentication credentials.');
    if (project.unseen.has(name)) throw new Refusal(403, 'PERMISSION_DENIED', 'The caller has no permission');
    const answer = apis[name]?.(project, call, holder);
    if (answer !== undefined) return answer;
  } catch (error) {
    if (error instanceof Refusal) return error.answer();
    throw error;
  }
  const what = `${unknownCall}: ${call.method} ${call.host}${call.path}`;
  return new Refusal(404, 'NOT_FOUND', what).answer();
}

/** Every login is somebody’s, until it has to be renewed. */
function token({ isLoggedOut }: Project): Answer {
  if (isLoggedOut) return { status: 400, body: { error: 'invalid_grant', error_description: 'Bad Request' } };
  const claims = { email: 'newcomer@example.com', sub: '1', email_verified: true };
  const parts = ['{"alg":"none"}', JSON.stringify(claims), ''];
  return ok({
    access_token: 'local-token',
    refresh_token: 'local-refresh',
    expires_in: 3600,
    token_type: 'Bearer',
    scope: 'openid https://www.googleapis.com/auth/cloud-platform',
    id_token: parts.map((part) => Buffer.from(part).toString('base64url')).join('.'),
  });
}
