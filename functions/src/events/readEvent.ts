import * as z from 'zod/mini';
import en from 'zod/v4/locales/en.js';
import { type Event, parseEvent } from './event.ts';

// The words of a dead letter; zod/mini has none of its own.
z.config(en());

/** An event, or why it is none: `unknown` to this version, which another may read, or `invalid` in every version. */
type ReadEvent = { event: Event } | { unknown: string } | { invalid: string };

/** Reads one event. A kind or field that is not known says that a newer version wrote it. */
export function readEvent(value: unknown): ReadEvent {
  const parsed = parseEvent(value);
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
