import { defineInt, defineSecret, defineString } from 'firebase-functions/params';

/** Where the functions run. Hosting's rewrites in firebase.json name it too: docs/operations.md says how to move. */
export const region = 'us-central1';

/** First API keys: a JSON array of `{id, role, sha256}`; further keys are made through `/v1/keys`. */
export const apiKeys = defineSecret('API_KEYS');

const bufferTimeoutSeconds = defineInt('BUFFER_TIMEOUT_SECONDS', {
  default: 60,
  description: 'Longest wait of a response before its task is written',
});
const minResponsesToFlush = defineInt('MIN_RESPONSES_TO_FLUSH', {
  default: 3,
  description: 'New responses of one task that are written without waiting further',
});
const flushTickSeconds = defineInt('FLUSH_TICK_SECONDS', {
  default: 5,
  description: 'Carriers are due at the multiples of this',
});
const taskVisibleSeconds = defineInt('TASK_VISIBLE_SECONDS', {
  default: 30,
  description: 'Longest wait of a task and its fields for responses to join their write; 0: none',
});
const taskTimeoutSeconds = defineInt('TASK_TIMEOUT_SECONDS', {
  default: 3600,
  description: 'A task’s deadline, after its creation; at most 29 days',
});
const taskRetentionDays = defineInt('TASK_RETENTION_DAYS', {
  default: 0,
  description: 'Days after its last change that a task is kept; 0: for ever',
});
const responseInlineMaxBytes = defineInt('RESPONSE_INLINE_MAX_BYTES', {
  default: 65_536,
  description: 'Response bodies above this go to Cloud Storage',
});
const groupLingerMs = defineInt('GROUP_LINGER_MS', {
  default: 20,
  description: 'How long a request waits for others to share its carrier',
});
const maxBodyBytes = defineInt('MAX_BODY_BYTES', {
  default: 8 * 1024 * 1024,
  description: 'Largest request body on the JSON routes',
});
const readCacheSeconds = defineInt('READ_CACHE_SECONDS', {
  default: 5,
  description: 'How long an instance answers reads from memory',
});
const logLevel = defineString('LOG_LEVEL', { default: 'INFO', description: 'DEBUG, INFO, WARNING or ERROR' });
const tasksServiceAccount = defineString('TASKS_SERVICE_ACCOUNT', {
  default: '',
  description: 'Service account that Cloud Tasks calls flush as; empty: the functions’ own',
});

/** Cloud Tasks schedules 30 days ahead (https://cloud.google.com/tasks/docs/quotas); a day is left for waiting. */
const maxTaskTimeoutMs = 29 * 86_400_000;

/** Every parameter's value, in the units its name says. */
export interface Config {
  bufferTimeoutMs: number;
  minResponsesToFlush: number;
  flushTickMs: number;
  taskVisibleMs: number;
  taskTimeoutMs: number;
  taskRetentionMs: number;
  responseInlineMaxBytes: number;
  groupLingerMs: number;
  maxBodyBytes: number;
  readCacheMs: number;
  logLevel: string;
  tasksServiceAccount: string;
}

/** Reads the parameters; only at run time, never while the CLI discovers the functions. */
export function readConfig(): Config {
  return {
    bufferTimeoutMs: bufferTimeoutSeconds.value() * 1000,
    minResponsesToFlush: minResponsesToFlush.value(),
    flushTickMs: Math.max(1, flushTickSeconds.value()) * 1000,
    taskVisibleMs: taskVisibleSeconds.value() * 1000,
    taskTimeoutMs: Math.min(taskTimeoutSeconds.value() * 1000, maxTaskTimeoutMs),
    taskRetentionMs: taskRetentionDays.value() * 86_400_000,
    responseInlineMaxBytes: responseInlineMaxBytes.value(),
    groupLingerMs: groupLingerMs.value(),
    maxBodyBytes: maxBodyBytes.value(),
    readCacheMs: readCacheSeconds.value() * 1000,
    logLevel: logLevel.value(),
    tasksServiceAccount: tasksServiceAccount.value(),
  };
}
