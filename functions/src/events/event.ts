import * as z from 'zod/mini';
import { holdsBigint, type Json } from '../platform/json.ts';
import { once } from '../platform/once.ts';
import { documentPathFault, idFault } from './documentPath.ts';
import { stampPattern } from './stamp.ts';

/**
 * The wait of a task's creation and fields for responses to join their write: `prompt` not at all, `default`
 * TASK_VISIBLE_SECONDS, `deferred` as long as responses do.
 */
const visibilities = ['prompt', 'default', 'deferred'] as const;
export type Visibility = (typeof visibilities)[number];

export const operationTypes = ['set', 'update', 'delete'] as const;

/**
 * An event is one accepted fact: that a task came into being or some of its fields were set, that a miner answered or a
 * validator evaluated, that a miner's answers are to be forgotten, that a deadline passed, or that an operation on
 * another document was accepted. These are the forms of events in carriers. A field that a later schema brought is
 * optional, or has the default that events queued before it mean.
 */
const schemas = once(() => {
  const json: z.ZodMiniType<Json> = z.custom<Json>((value) => value !== undefined);
  const fields = z.record(z.string(), json);
  // One bad name fails the read of a whole batch, so it must not get that far.
  const taskId = z.string().check(z.refine((id) => idFault(id) === undefined));
  const path = z.string().check(z.refine((text) => documentPathFault(text) === undefined));
  const stamp = z.string().check(z.regex(stampPattern));
  const visibility = z.enum(visibilities);
  const isTrue = z.optional(z.literal(true));
  /** True where some of its numbers are integers that a version which does not know this would alter. */
  const exact = isTrue;
  const body = z.strictObject({ object: z.string(), bytes: z.int() });
  const response = z.strictObject({
    miner_uid: z.int().check(z.minimum(0)),
    response_data: z.optional(json),
    body: z.optional(body),
    /** Milliseconds since the epoch, as the miner said, or when Sluice accepted it. */
    submitted_at_ms: z.number(),
    processing_time: z.number(),
    accuracy_score: z.number(),
    speed_score: z.number(),
    hotkey: z.nullable(z.string()),
    status: z.string(),
  });
  const evaluation = z.strictObject({
    validator_uid: z.union([z.int().check(z.minimum(0)), z.literal('unknown')]),
    evaluation_data: z.optional(json),
    body: z.optional(body),
  });
  const created = z.strictObject({ kind: z.literal('created'), taskId, stamp, fields, visibility, exact });
  const patched = z.strictObject({ kind: z.literal('patched'), taskId, stamp, fields, visibility, exact });
  const received = z.strictObject({
    kind: z.literal('response'),
    taskId,
    stamp,
    response,
    /**
     * The id of the key of role miner that sent it. A proxy or an operator did where there is none,
     * or code older than this.
     */
    minerKey: z.optional(z.string()),
    /** True where the answer counts although its task may name other miners. */
    countsUnassigned: isTrue,
    exact,
  });
  const evaluated = z.strictObject({ kind: z.literal('evaluated'), taskId, stamp, evaluation, exact });
  const erased = z.strictObject({
    kind: z.literal('erased'),
    taskId,
    stamp,
    minerUid: z.int().check(z.minimum(0)),
    /** Set where only answers of this hotkey are meant: its SHA-256 in hex, as it is itself to be forgotten. */
    hotkeySha256: z.optional(z.string().check(z.regex(/^[0-9a-f]{64}$/))),
  });
  const deadline = z.strictObject({ kind: z.literal('deadline'), taskId, stamp });
  const operation = z.strictObject({
    kind: z.literal('operation'),
    path,
    stamp,
    type: z.enum(operationTypes),
    /** JSON, with `$timestamp` and `$bytes` for what it cannot hold. Of an update: by field path. A delete has none. */
    data: z.optional(fields),
    /** Set where the operation need not wait for others. */
    visibility: z.optional(z.literal('prompt')),
    /** True where the id was made for it: most likely there is no such document yet, so that none need be read. */
    isNew: isTrue,
    exact,
  });
  const ofTasks = { created, patched, received, evaluated, erased, deadline };
  const event = z.discriminatedUnion('kind', [
    created,
    patched,
    received,
    evaluated,
    erased,
    deadline,
    operation,
  ]);
  return { body, response, evaluation, ...ofTasks, operation, event };
});

type Of<Name extends keyof ReturnType<typeof schemas>> = z.infer<ReturnType<typeof schemas>[Name]>;

/**
 * A miner's answer, in the shape of its document field. Exactly one of `response_data` and `body` is there; of one that
 * is erased neither.
 */
export type MinerResponse = Of<'response'>;

/** The object of its own that has what is large of an event. */
export type Body = Of<'body'>;

/** A validator's word on a task. Exactly one of `evaluation_data` and `body` is there. */
export type Evaluation = Of<'evaluation'>;

/** A task came into being. Its `required_miner_count` and `min_miner_count` hold if no earlier creation is known. */
export type TaskCreated = Of<'created'>;

/** Some of a task's fields were set. */
export type TaskPatched = Of<'patched'>;

/** A miner answered. */
export type ResponseReceived = Of<'received'>;

/** A validator evaluated a task's answers, which approves it. */
export type TaskEvaluated = Of<'evaluated'>;

/** A miner's answers to a task are to be forgotten, those that come later too. */
export type AnswersErased = Of<'erased'>;

/** A task's deadline passed; its stamp is the deadline. */
export type DeadlinePassed = Of<'deadline'>;

export type TaskEvent =
  | TaskCreated
  | TaskPatched
  | ResponseReceived
  | TaskEvaluated
  | AnswersErased
  | DeadlinePassed;

/** An operation on a document of any kind, by its path. */
export type OperationAccepted = Of<'operation'>;

/** One accepted fact. Its target document and stamp identify it. */
export type Event = Of<'event'>;

/** Parses a value as an event, which may be none. */
export function parseEvent(value: unknown): z.core.util.SafeParseResult<Event> {
  return schemas().event.safeParse(value);
}

/** The event, marked where its integers are to be read exactly. */
export function marked<Kind extends Event>(event: Kind): Kind {
  return holdsBigint(event) ? { ...event, exact: true } : event;
}

/** The target of an event, as people call it: a task's id, or a document's path, which has a slash. */
export function targetOf(event: Event): string {
  return event.kind === 'operation' ? event.path : event.taskId;
}

/** An event's identity. */
export function eventKey(event: Event): string {
  return `${targetOf(event)}\n${event.stamp}`;
}
