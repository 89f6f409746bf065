import * as params from 'firebase-functions/params';

/** Where the functions run. Hosting's rewrites in firebase.json name it too: docs/operations.md says how to move. */
export const region = 'us-central1';

/** The parameters that are declared here, and what is no value of each. */
const declared = new Map<string, (text: string | undefined) => boolean>();

interface Options<Value> {
  default: Value;
  description: string;
}

function noting<Value, Param>(
  define: (name: string, options: Options<Value>) => Param,
  form: RegExp,
): (name: string, options: Options<Value>) => Param {
  return (name, options) => {
    // The SDK gives '', 0 or false for an absent one, which is its value where that is its default.
    declared.set(name, (text) => (text === undefined ? Boolean(options.default) : !form.test(text)));
    return define(name, options);
  };
}

const defineInt = noting(params.defineInt, /^-?\d+$/);
const defineString = noting(params.defineString, /^/);
const defineBoolean = noting(params.defineBoolean, /^(true|false)$/);

/** First API keys: a JSON array of `{id, role, sha256}`; further keys are made through `/v1/keys`. */
export const apiKeys = params.defineSecret('API_KEYS');

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
const operationsBufferSize = defineInt('OPERATIONS_BUFFER_SIZE', {
  default: 100,
  description: 'Document operations in hand that are written without waiting further',
});
const operationsFlushSeconds = defineInt('OPERATIONS_FLUSH_SECONDS', {
  default: 30,
  description: 'Longest wait of a document operation before it is written',
});
const operationsCollections = defineString('OPERATIONS_COLLECTIONS', {
  default: '',
  description: 'Top collections that operations may write to, with commas; empty: all but Sluice’s own',
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
const strictBinding = defineBoolean('STRICT_BINDING', {
  default: false,
  description: 'Whether a key that is bound to hotkeys and to no uid speaks for nobody',
});
const countUnassignedAnswers = defineBoolean('COUNT_UNASSIGNED_ANSWERS', {
  default: false,
  description: 'Whether answers of miners’ keys count although their task names other miners',
});
const orphansPerKeyPerDay = defineInt('ORPHANS_PER_KEY_PER_DAY', {
  default: 1000,
  description:
    'Tasks that nobody created, and answers without a place, of a miner’s key a day before its answers are refused; 0: no limit',
});
const groupLingerMs = defineInt('GROUP_LINGER_MS', {
  default: 20,
  description: 'How long a request waits for others to share its carrier',
});
const maxBodyBytes = defineInt('MAX_BODY_BYTES', {
  default: 8 * 1024 * 1024,
  description: 'Largest request body on the JSON routes',
});
const inlineFileMaxBytes = defineInt('INLINE_FILE_MAX_BYTES', {
  default: 32 * 1024,
  description: 'Files up to this are stored in Firestore, larger ones in Cloud Storage; at most 1,000,000',
});
const maxFileBytes = defineInt('MAX_FILE_BYTES', {
  default: 100 * 1024 * 1024,
  description: 'Largest file',
});
const fileDelivery = defineString('FILE_DELIVERY', {
  default: 'redirect',
  description: 'How /content gives a file in Cloud Storage: redirect (to a signed address) or stream',
});
const readCacheSeconds = defineInt('READ_CACHE_SECONDS', {
  default: 5,
  description: 'How long an instance answers reads from memory',
});
const logLevel = defineString('LOG_LEVEL', { default: 'INFO', description: 'DEBUG, INFO, WARNING or ERROR' });
const tasksServiceAccount = defineString('TASKS_SERVICE_ACCOUNT', {
  default: '',
  description: 'Service account that Cloud Tasks calls flush and expire as; empty: the functions’ own',
});

/** The kinds of Firestore operation that have limits, as parameters name them. */
const kinds = { writes: 'WRITES', reads: 'READS', deletes: 'DELETES' } as const;
type PerKind<Value> = Record<keyof typeof kinds, Value>;

function perKind<Value>(make: (kind: keyof typeof kinds) => Value): PerKind<Value> {
  return { writes: make('writes'), reads: make('reads'), deletes: make('deletes') };
}

const quotaDefaults = { writes: 1000, reads: 10_000, deletes: 500 };
const perMinuteDefaults = { writes: 50_000, reads: 500_000, deletes: 25_000 };
const quotaPerSecond = perKind((kind) =>
  defineInt(`QUOTA_${kinds[kind]}_PER_SECOND`, {
    default: quotaDefaults[kind],
    description: `Firestore’s limit on ${kind} a second, as reports show it`,
  }),
);
const ratePerSecond = perKind((kind) =>
  defineInt(`RATE_${kinds[kind]}_PER_SECOND`, {
    default: quotaDefaults[kind] * 0.8,
    description: `Most ${kind} a second of all instances and proxies together`,
  }),
);
const ratePerMinute = perKind((kind) =>
  defineInt(`RATE_${kinds[kind]}_PER_MINUTE`, {
    default: perMinuteDefaults[kind],
    description: `Most ${kind} a minute of all instances and proxies together`,
  }),
);
const daily = perKind((kind) =>
  defineInt(`DAILY_${kinds[kind]}`, { default: 0, description: `Most ${kind} a day; 0: no limit` }),
);
const dailyPreset = defineString('DAILY_PRESET', {
  default: '',
  description: 'free-tier: 20,000 writes, 50,000 reads and 20,000 deletes a day where DAILY_… is 0',
});
const dailyTimeZone = defineString('DAILY_TIME_ZONE', {
  default: 'America/Los_Angeles',
  description: 'The daily budgets begin anew at its midnight',
});

/** https://cloud.google.com/firestore/quotas#free-quota */
const freeTier = { writes: 20_000, reads: 50_000, deletes: 20_000 };

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
  operationsBufferSize: number;
  operationsFlushMs: number;
  /** Top collections that operations may write to; none named: all but Sluice's own. */
  operationsCollections: readonly string[];
  responseInlineMaxBytes: number;
  strictBinding: boolean;
  countUnassignedAnswers: boolean;
  orphansPerKeyPerDay: number;
  groupLingerMs: number;
  maxBodyBytes: number;
  /** Files up to this are stored in Firestore. */
  inlineFileMaxBytes: number;
  maxFileBytes: number;
  fileDelivery: string;
  readCacheMs: number;
  logLevel: string;
  tasksServiceAccount: string;
  /** Firestore operations by kind. A daily limit of 0 is none. */
  quota: Record<'perSecond' | 'ratePerSecond' | 'ratePerMinute' | 'daily', PerKind<number>> & {
    timeZone: string;
  };
}

/**
 * Reads the parameters; only at run time, never while the CLI discovers the functions.
 * @throws Error with the names of those that have no value, or one of another type.
 */
export function readConfig(): Config {
  const wrong = [...declared].filter(([name, isWrong]) => isWrong(process.env[name])).map(([name]) => name);
  if (params.storageBucket.value() === '') wrong.push('FIREBASE_CONFIG (storageBucket)');
  if (wrong.length > 0) {
    throw new Error(`Without a value of the right type: ${wrong.join(', ')}. Deploy with the Firebase CLI.`);
  }
  return {
    bufferTimeoutMs: bufferTimeoutSeconds.value() * 1000,
    minResponsesToFlush: minResponsesToFlush.value(),
    flushTickMs: Math.max(1, flushTickSeconds.value()) * 1000,
    taskVisibleMs: taskVisibleSeconds.value() * 1000,
    taskTimeoutMs: Math.min(taskTimeoutSeconds.value() * 1000, maxTaskTimeoutMs),
    taskRetentionMs: taskRetentionDays.value() * 86_400_000,
    operationsBufferSize: operationsBufferSize.value(),
    operationsFlushMs: operationsFlushSeconds.value() * 1000,
    operationsCollections: operationsCollections
      .value()
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
    responseInlineMaxBytes: responseInlineMaxBytes.value(),
    strictBinding: strictBinding.value(),
    countUnassignedAnswers: countUnassignedAnswers.value(),
    orphansPerKeyPerDay: orphansPerKeyPerDay.value(),
    groupLingerMs: groupLingerMs.value(),
    maxBodyBytes: maxBodyBytes.value(),
    inlineFileMaxBytes: inlineFileMaxBytes.value(),
    maxFileBytes: maxFileBytes.value(),
    fileDelivery: fileDelivery.value(),
    readCacheMs: readCacheSeconds.value() * 1000,
    logLevel: logLevel.value(),
    tasksServiceAccount: tasksServiceAccount.value(),
    quota: {
      perSecond: perKind((kind) => quotaPerSecond[kind].value()),
      ratePerSecond: perKind((kind) => ratePerSecond[kind].value()),
      ratePerMinute: perKind((kind) => ratePerMinute[kind].value()),
      daily: perKind(
        (kind) => daily[kind].value() || (dailyPreset.value() === 'free-tier' ? freeTier[kind] : 0),
      ),
      timeZone: dailyTimeZone.value(),
    },
  };
}
