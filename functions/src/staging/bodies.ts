import type { Event, MinerResponse } from '../events/event.ts';
import { type Json, parseWritten } from '../platform/json.ts';
import type { ObjectStore } from '../platform/objects.ts';
import type { Using } from '../platform/services.ts';

export interface BodyOptions extends Using<'clock' | 'ids' | 'objects'> {
  responseInlineMaxBytes: number;
}

/** Moves response bodies larger than `responseInlineMaxBytes` into objects of their own; other events stay. */
export function storeLargeBodies(events: readonly Event[], options: BodyOptions): Promise<Event[]> {
  return Promise.all(
    events.map(async (event) => {
      if (event.kind !== 'response' || event.response.response_data === undefined) return event;
      const text = JSON.stringify(event.response.response_data);
      // A character is at most three bytes, so most bodies need no count.
      if (text.length * 3 <= options.responseInlineMaxBytes) return event;
      const bytes = Buffer.from(text);
      if (bytes.length <= options.responseInlineMaxBytes) return event;
      return { ...event, response: await storeBody(event.response, bytes, options) };
    }),
  );
}

const responsesPrefix = 'bodies/responses/';

/** The customTime of a body that never becomes garbage by itself, as its task is kept for good. */
export const neverExpiresMs = Date.UTC(2200, 0, 1);

/** A body's reference in a document; undefined for one that is not Sluice's: it must lead to no other object. */
export function bodyReference(stored: unknown): MinerResponse['body'] {
  const { object, bytes } = (stored ?? {}) as Partial<Record<'object' | 'bytes', unknown>>;
  if (typeof object !== 'string' || !object.startsWith(responsesPrefix)) return undefined;
  return { object, bytes: Number(bytes) };
}

/** Puts a response's body into an object, garbage from now on until a document refers to it, and points there. */
export async function storeBody(
  response: MinerResponse,
  bytes: Buffer,
  { objects, clock, ids }: Omit<BodyOptions, 'responseInlineMaxBytes'>,
): Promise<MinerResponse> {
  const object = `${responsesPrefix}${ids.uuid()}`;
  await objects.put(object, bytes, { contentType: 'application/json', customTimeMs: clock.now() });
  const { response_data: _, ...rest } = response;
  return { ...rest, body: { object, bytes: bytes.length } };
}

/** Puts a response's body inside the event, as the body's own object will be deleted one day. */
export async function withBodyInside(event: Event, objects: ObjectStore): Promise<Event> {
  if (event.kind !== 'response' || event.response.body === undefined) return event;
  const body = await loadBodyObject(event.response.body.object, objects);
  return body === undefined ? event : { ...event, response: { ...event.response, response_data: body } };
}

/** Loads the body in an object; undefined where the object is gone. */
export async function loadBodyObject(
  object: string,
  objects: Pick<ObjectStore, 'get'>,
): Promise<Json | undefined> {
  const stored = await objects.get(object);
  return stored === undefined ? undefined : parseWritten(stored.bytes.toString('utf8'));
}
