import * as z from 'zod/mini';
import en from 'zod/v4/locales/en.js';
import type { Json } from '../platform/json.ts';
import { documentPathFault, idFault } from './documentPath.ts';
import { type Event, operationTypes, visibilities } from './event.ts';
import { stampPattern } from './stamp.ts';

// The words of a dead letter; zod/mini has none of its own.
z.config(en());

const json: z.ZodMiniType<Json> = z.custom<Json>((value) => value !== undefined);
const fields = z.record(z.string(), json);

/** One bad name fails the read of a whole batch, so it must not get that far. */
const documentId = z.string().check(z.refine((id) => idFault(id) === undefined));
const documentPath = z.string().check(z.refine((path) => documentPathFault(path) === undefined));
const addressed = { taskId: documentId, stamp: z.string().check(z.regex(stampPattern)) };
const visibility = z.enum(visibilities);
const exact = z.optional(z.literal(true));

const response = z.strictObject({
  miner_uid: z.int().check(z.minimum(0)),
  response_data: z.optional(json),
  body: z.optional(z.strictObject({ object: z.string(), bytes: z.int() })),
  submitted_at_ms: z.number(),
  processing_time: z.number(),
  accuracy_score: z.number(),
  speed_score: z.number(),
  hotkey: z.nullable(z.string()),
  status: z.string(),
});

/**
 * Events as carriers of every schema hold them. A field that a later schema brought is optional, or has the default that
 * events queued before it mean.
 */
const eventSchema: z.ZodMiniType<Event> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('created'), ...addressed, fields, visibility, exact }),
  z.strictObject({ kind: z.literal('patched'), ...addressed, fields, visibility, exact }),
  z.strictObject({
    kind: z.literal('response'),
    ...addressed,
    response,
    minerKey: z.optional(z.string()),
    countsUnassigned: z.optional(z.literal(true)),
    exact,
  }),
  z.strictObject({ kind: z.literal('deadline'), ...addressed }),
  z.strictObject({
    kind: z.literal('operation'),
    path: documentPath,
    stamp: addressed.stamp,
    type: z.enum(operationTypes),
    data: z.optional(fields),
    visibility: z.optional(z.literal('prompt')),
    isNew: z.optional(z.literal(true)),
    exact,
  }),
]);

/** An event, or why it is none: `unknown` to this version, which another may read, or `invalid` in every version. */
export type ReadEvent = { event: Event } | { unknown: string } | { invalid: string };

/** Reads one event. A kind or field that is not known says that a newer version wrote it. */
export function readEvent(value: unknown): ReadEvent {
  const parsed = eventSchema.safeParse(value);
  if (parsed.success) return { event: parsed.data };
  const reason = `Not an event: ${z.prettifyError(parsed.error)}`;
  const isUnknown = parsed.error.issues.some(
    ({ code, path }) =>
      code === 'unrecognized_keys' || (path[0] === 'kind' && typeof kindOf(value) === 'string'),
  );
  return isUnknown ? { unknown: reason } : { invalid: reason };
}

function kindOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined;
}
