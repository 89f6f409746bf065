import type { Body, Event } from '../events/event.ts';
import { type Json, parseWritten } from '../platform/json.ts';
import type { ObjectStore } from '../platform/objects.ts';
import type { Using } from '../platform/services.ts';

interface BodyOptions extends Using<'clock' | 'ids' | 'objects'> {
  responseInlineMaxBytes: number;
}

/** Content that may be large of an event: inside it, or in an object of its own; a dead letter has both. */
interface Content {
  data?: Json | undefined;
  body?: Body | undefined;
}

/** The content of an event; events of most kinds have none. */
export function contentOf(event: Event): Content {
  if (event.kind === 'response') return { data: event.response.response_data, body: event.response.body };
  if (event.kind !== 'evaluated') return {};
  return { data: event.evaluation.evaluation_data, body: event.evaluation.body };
}

/** The event with another content. */
export function withContent(event: Event, { data, body }: Content): Event {
  const beside = body === undefined ? {} : { body };
  if (event.kind === 'response') {
    const { response_data: _, body: _body, ...response } = event.response;
    const inside = data === undefined ? {} : { response_data: data };
    return { ...event, response: { ...response, ...inside, ...beside } };
  }
  if (event.kind !== 'evaluated') return event;
  const inside = data === undefined ? {} : { evaluation_data: data };
  return { ...event, evaluation: { validator_uid: event.evaluation.validator_uid, ...inside, ...beside } };
}

/** Moves contents larger than `responseInlineMaxBytes` into objects of their own; other events stay. */
export function storeLargeBodies(events: readonly Event[], options: BodyOptions): Promise<Event[]> {
  return Promise.all(
    events.map(async (event) => {
      const { data } = contentOf(event);
      if (data === undefined) return event;
      const text = JSON.stringify(data);
      // A character is at most three bytes, so most bodies need no count.
      if (text.length * 3 <= options.responseInlineMaxBytes) return event;
      const bytes = Buffer.from(text);
      if (bytes.length <= options.responseInlineMaxBytes) return event;
      return withContent(event, { body: await storeBody(bytes, options) });
    }),
  );
}

/** Before the names of all bodies: those of responses came first. */
const bodiesPrefix = 'bodies/responses/';

/** The customTime of a body that never becomes garbage by itself, as its task is kept for good. */
export const neverExpiresMs = Date.UTC(2200, 0, 1);

/** A body's reference in a document; undefined for one that is not Sluice's: it must lead to no other object. */
export function bodyReference(stored: unknown): Body | undefined {
  const { object, bytes } = (stored ?? {}) as Partial<Record<'object' | 'bytes', unknown>>;
  if (typeof object !== 'string' || !object.startsWith(bodiesPrefix)) return undefined;
  return { object, bytes: Number(bytes) };
}

/** Puts a body into an object, garbage from now on until a document refers to it. */
export async function storeBody(
  bytes: Buffer,
  { objects, clock, ids }: Omit<BodyOptions, 'responseInlineMaxBytes'>,
): Promise<Body> {
  const object = `${bodiesPrefix}${ids.uuid()}`;
  await objects.put(object, bytes, { contentType: 'application/json', customTimeMs: clock.now() });
  return { object, bytes: bytes.length };
}

/** Puts an event's body inside it, as the body's own object will be deleted one day. */
export async function withBodyInside(event: Event, objects: ObjectStore): Promise<Event> {
  const { body } = contentOf(event);
  if (body === undefined) return event;
  const data = await loadBodyObject(body.object, objects);
  return data === undefined ? event : withContent(event, { data, body });
}

/** Loads the body in an object; undefined where the object is gone. */
export async function loadBodyObject(
  object: string,
  objects: Pick<ObjectStore, 'get'>,
): Promise<Json | undefined> {
  const stored = await objects.get(object);
  return stored === undefined ? undefined : parseWritten(stored.bytes.toString('utf8'));
}
