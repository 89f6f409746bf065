import * as params from 'firebase-functions/params';

/** The region in which the functions run. A deploy needs it before any parameter has a value. */
export const region = process.env['REGION'] || 'us-central1';

/** Id under which a function of this code is deployed, and its queue's name: `prefix` of firebase.json before it. */
export function deployedId(name: string): string {
  return `sluice-${name}`;
}

/** First API keys: a JSON array of `{id, role, sha256}`; further keys are made through `/v1/keys`. */
export const apiKeys = params.defineSecret('API_KEYS');

/** A test for every parameter below, by its name: true for a text of the environment that is no value of it. */
const declared = new Map<string, (text: string | undefined) => boolean>();

/** A parameter's value, known at run time. */
type Reader<Value> = () => Value;

/** Declares parameters of one type, whose values are written in this form. */
function declares<Value>(
  define: (name: string, options: { default: Value; description: string }) => { value(): Value },
  form: RegExp,
): (name: string, value: Value, description: string) => Reader<Value> {
  return (name, value, description) => {
    // The SDK gives '', 0 or false for an absent one, which is its value where that is its default.
    declared.set(name, (text) => (text === undefined ? Boolean(value) : !form.test(text)));
    const param = define(name, { default: value, description });
    return () => param.value();
  };
}

const int = declares<number>(params.defineInt, /^-?\d+$/);
const string = declares<string>(params.defineString, /^/);
const boolean = declares<boolean>(params.defineBoolean, /^(true|false)$/);

function times(unitMs: number): typeof int {
  return (...parameter) => {
    const read = int(...parameter);
    return () => read() * unitMs;
  };
}

const seconds = times(1000);
const days = times(86_400_000);

function names(name: string, value: string, description: string): Reader<readonly string[]> {
  const read = string(name, value, description);
  return () =>
    read()
      .split(',')
      .map((text) => text.trim())
      .filter((text) => text !== '');
}

/** Three limits, one for every kind of Firestore operation: the # in name and description stands for the kind. */
function perKind(name: string, values: PerKind<number>, description: string): Reader<PerKind<number>> {
  const limit = (kind: keyof typeof values): Reader<number> =>
    int(name.replace('#', kind.toUpperCase()), values[kind], description.replace('#', kind));
  const [writes, reads, deletes] = [limit('writes'), limit('reads'), limit('deletes')];
  return () => ({ writes: writes(), reads: reads(), deletes: deletes() });
}

type PerKind<Value> = Record<'writes' | 'reads' | 'deletes', Value>;

/** Cloud Tasks schedules 30 days ahead (https://cloud.google.com/tasks/docs/quotas); a day is left for waiting. */
const maxTaskTimeoutMs = 29 * 86_400_000;

/** Half of what a revoked key may go on for: the other half is the age of the keys that are believed. */
const maxPollCacheMs = 30_000;

/** Every parameter, by its name in the code, in the order in which a deploy asks for them. */
const parameters = {
  bufferTimeoutMs: seconds(
    'BUFFER_TIMEOUT_SECONDS',
    60,
    'Longest wait of a response before its task is written',
  ),
  minResponsesToFlush: int(
    'MIN_RESPONSES_TO_FLUSH',
    3,
    'New responses of one task that are written without waiting further',
  ),
  flushTickMs: seconds('FLUSH_TICK_SECONDS', 5, 'Carriers are due at the multiples of this'),
  taskVisibleMs: seconds(
    'TASK_VISIBLE_SECONDS',
    30,
    'Longest wait of a task and its fields for responses to join their write; 0: none',
  ),
  operationsBufferSize: int(
    'OPERATIONS_BUFFER_SIZE',
    100,
    'Document operations in hand that are written without waiting further',
  ),
  operationsFlushMs: seconds(
    'OPERATIONS_FLUSH_SECONDS',
    30,
    'Longest wait of a document operation before it is written',
  ),
  operationsCollections: names(
    'OPERATIONS_COLLECTIONS',
    '',
    'Top collections that operations may write to, with commas; empty: all but Sluice’s own',
  ),
  taskTimeoutMs: seconds(
    'TASK_TIMEOUT_SECONDS',
    3600,
    'A task’s deadline, after its creation; at most 29 days',
  ),
  taskRetentionMs: days(
    'TASK_RETENTION_DAYS',
    0,
    'Days after its last change that a task is kept; 0: for ever',
  ),
  responseInlineMaxBytes: int(
    'RESPONSE_INLINE_MAX_BYTES',
    65_536,
    'Response bodies above this go to Cloud Storage',
  ),
  strictBinding: boolean(
    'STRICT_BINDING',
    false,
    'Whether a key that is bound to hotkeys and to no uid speaks for nobody',
  ),
  countUnassignedAnswers: boolean(
    'COUNT_UNASSIGNED_ANSWERS',
    false,
    'Whether answers of miners’ keys count although their task names other miners',
  ),
  orphansPerKeyPerDay: int(
    'ORPHANS_PER_KEY_PER_DAY',
    1000,
    'Tasks that nobody created, and answers without a place, of a miner’s key a day before its answers are refused; 0: no limit',
  ),
  groupLingerMs: int(
    'GROUP_LINGER_MS',
    20,
    'How long a request waits for others to share its carrier, in milliseconds',
  ),
  groupLingerMaxMs: int(
    'GROUP_LINGER_MAX_MS',
    150,
    'The longest that it waits where many come, 10 ms for each request a second; in milliseconds',
  ),
  maxBodyBytes: int('MAX_BODY_BYTES', 8 * 1024 * 1024, 'Largest request body on the JSON routes'),
  inlineFileMaxBytes: int(
    'INLINE_FILE_MAX_BYTES',
    32 * 1024,
    'Files up to this are stored in Firestore, larger ones in Cloud Storage; at most 1,000,000',
  ),
  maxFileBytes: int('MAX_FILE_BYTES', 100 * 1024 * 1024, 'Largest file'),
  fileDelivery: string(
    'FILE_DELIVERY',
    'redirect',
    'How /content gives a file in Cloud Storage: redirect (to a signed address) or stream',
  ),
  readCacheMs: seconds('READ_CACHE_SECONDS', 5, 'How long an instance answers reads from memory'),
  pollCacheMs: seconds(
    'POLL_CACHE_SECONDS',
    5,
    'How long Hosting may give a miner’s list of tasks again to the same key; at most 30, 0: not at all',
  ),
  logLevel: string('LOG_LEVEL', 'INFO', 'DEBUG, INFO, WARNING or ERROR'),
  tasksServiceAccount: string(
    'TASKS_SERVICE_ACCOUNT',
    '',
    'Service account that Cloud Tasks calls flush and expire as; empty: the functions’ own',
  ),
};

/** Parameters of the quota, Firestore operations by kind. A daily limit of 0 is none. */
const quotaParameters = {
  perSecond: perKind(
    'QUOTA_#_PER_SECOND',
    { writes: 1000, reads: 10_000, deletes: 500 },
    'Firestore’s limit on # a second, as reports show it',
  ),
  ratePerSecond: perKind(
    'RATE_#_PER_SECOND',
    { writes: 800, reads: 8_000, deletes: 400 },
    'Most # a second of all instances and proxies together',
  ),
  ratePerMinute: perKind(
    'RATE_#_PER_MINUTE',
    { writes: 50_000, reads: 500_000, deletes: 25_000 },
    'Most # a minute of all instances and proxies together',
  ),
  daily: perKind('DAILY_#', { writes: 0, reads: 0, deletes: 0 }, 'Most # a day; 0: no limit'),
  preset: string(
    'DAILY_PRESET',
    '',
    'free-tier: 20,000 writes, 50,000 reads and 20,000 deletes a day where DAILY_… is 0',
  ),
  timeZone: string('DAILY_TIME_ZONE', 'America/Los_Angeles', 'The daily budgets begin anew at its midnight'),
};

type Values<Readers> = {
  readonly [Name in keyof Readers]: Readers[Name] extends Reader<infer Value> ? Value : never;
};

/** Every parameter's value, in the unit that its name says. */
export type Config = Values<typeof parameters> & { readonly quota: Values<typeof quotaParameters> };

function valuesOf<Readers extends Record<string, Reader<unknown>>>(readers: Readers): Values<Readers> {
  return Object.fromEntries(Object.entries(readers).map(([name, read]) => [name, read()])) as Values<Readers>;
}

/** https://cloud.google.com/firestore/quotas#free-quota */
const freeTier = { writes: 20_000, reads: 50_000, deletes: 20_000 };

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
  const values = valuesOf(parameters);
  const quota = valuesOf(quotaParameters);
  return {
    ...values,
    flushTickMs: Math.max(1000, values.flushTickMs),
    taskTimeoutMs: Math.min(values.taskTimeoutMs, maxTaskTimeoutMs),
    pollCacheMs: Math.min(Math.max(0, values.pollCacheMs), maxPollCacheMs),
    quota: quota.preset === 'free-tier' ? { ...quota, daily: orFreeTier(quota.daily) } : quota,
  };
}

function orFreeTier({ writes, reads, deletes }: PerKind<number>): PerKind<number> {
  return {
    writes: writes || freeTier.writes,
    reads: reads || freeTier.reads,
    deletes: deletes || freeTier.deletes,
  };
}
