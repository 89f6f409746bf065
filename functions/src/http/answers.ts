import * as z from 'zod/mini';
import type { Schema } from './schema.ts';

/** The header that tells how many billed reads an answer cost. */
export const readsHeader = 'X-Firestore-Reads';

/** The header that tells who polls in how many seconds there may be something new. */
export const pollAfterHeader = 'X-Poll-After';

/** Schemas of members that many answers have, for openapi.json. */

/** A text such as this one. */
export function textLike(example: string): Schema<string> {
  return z.string().check(z.meta({ examples: [example] }));
}

/** A moment as ISO 8601 in UTC. */
export function moment(): Schema<string> {
  return z.string().check(z.meta({ format: 'date-time' }));
}

export function count(): Schema<number> {
  return z.int().check(z.minimum(0));
}

const none = z.meta({ examples: [[]] });

/** A page of items, and where the next one begins. */
export function pageOf(name: string, item: Schema): Schema {
  return z.object({ [name]: z.array(item), next_cursor: z.nullable(z.string()) });
}

/** Notes of what was kept otherwise than it came. */
export function warnings(): Schema {
  return z
    .array(z.object({ index: z.optional(count()), field: z.string(), message: z.string() }))
    .check(none);
}

/** Items of a batch that were refused. */
function rejected(): Schema {
  return z.array(z.object({ index: count(), code: z.string(), message: z.string() })).check(none);
}

/** The answer to a batch of which something was accepted; `more` has the members of this batch alone. */
export function acceptedBatch(more: Record<string, Schema> = {}): Schema {
  return z.object({ accepted: count(), rejected: rejected(), warnings: warnings(), ...more });
}
