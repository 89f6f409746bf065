import { z } from 'zod';
import type { Json } from '../platform/json.ts';
import { documentPathFault, idFault } from './documentPath.ts';
import { type Event, operationTypes, visibilities } from './event.ts';
import { stampPattern } from './stamp.ts';

const json: z.ZodType<Json> = z.custom<Json>((value) => value !== undefined);
const fields = z.record(z.string(), json);

/** One bad name fails the read of a whole batch, so it must not get that far. */
const documentId = z.string().refine((id) => idFault(id) === undefined);
const documentPath = z.string().refine((path) => documentPathFault(path) === undefined);
const addressed = { taskId: documentId, stamp: z.string().regex(stampPattern) };
const visibility = z.enum(visibilities);
const exact = z.literal(true).optional();

const response = z.strictObject({
  miner_uid: z.int().nonnegative(),
  response_data: json.optional(),
  body: z.strictObject({ object: z.string(), bytes: z.int() }).optional(),
  submitted_at_ms: z.number(),
  processing_time: z.number(),
  accuracy_score: z.number(),
  speed_score: z.number(),
  hotkey: z.string().nullable(),
  status: z.string(),
});

/**
 * Events as carriers of every schema hold them. A field that a later schema brought is optional, or has the default that
 * events queued before it mean.
 */
const eventSchema: z.ZodType<Event> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('created'), ...addressed, fields, visibility, exact }),
  z.strictObject({ kind: z.literal('patched'), ...addressed, fields, visibility, exact }),
  z.strictObject({
    kind: z.literal('response'),
    ...addressed,
    response,
    minerKey: z.string().optional(),
    countsUnassigned: z.literal(true).optional(),
    exact,
  }),
  z.strictObject({ kind: z.literal('deadline'), ...addressed }),
  z.strictObject({
    kind: z.literal('operation'),
    path: documentPath,
    stamp: addressed.stamp,
    type: z.enum(operationTypes),
    data: fields.optional(),
    visibility: z.literal('prompt').optional(),
    isNew: z.literal(true).optional(),
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
