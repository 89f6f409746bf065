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

const response = z.object({
  miner_uid: z.int().nonnegative(),
  response_data: json.optional(),
  body: z.object({ object: z.string(), bytes: z.int() }).optional(),
  submitted_at_ms: z.number(),
  processing_time: z.number(),
  accuracy_score: z.number(),
  speed_score: z.number(),
  hotkey: z.string().nullable(),
  status: z.string(),
});

/** Events as carriers hold them; the flusher checks each, so that a bad one stands alone. */
export const eventSchema: z.ZodType<Event> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('created'), ...addressed, fields, visibility }),
  z.object({ kind: z.literal('patched'), ...addressed, fields, visibility }),
  z.object({ kind: z.literal('response'), ...addressed, response }),
  z.object({ kind: z.literal('deadline'), ...addressed }),
  z.object({
    kind: z.literal('operation'),
    path: documentPath,
    stamp: addressed.stamp,
    type: z.enum(operationTypes),
    data: fields.optional(),
    visibility: z.literal('prompt').optional(),
    isNew: z.literal(true).optional(),
  }),
]);
