import type { Event } from './event.ts';

/** A carrier that holds nothing but events of tasks, or none. */
export const taskSchema = 1;

/** A carrier that holds operations, maybe beside events of tasks. */
const operationSchema = 2;

/** A carrier that holds what readers of schema 2 do not know: they would take a field off an event without a word. */
export const strictSchema = 3;

/** Whoever does not know a carrier's schema leaves it unopened, so that code which does can be deployed. */
export const knownSchemas = [taskSchema, operationSchema, strictSchema] as const;

/** The fields of a value that readers of a schema know; `any` is JSON of the callers. */
interface Shape {
  [field: string]: 'any' | Shape;
}

const addressed = { kind: 'any', taskId: 'any', stamp: 'any' } as const;
const taskFields = { ...addressed, fields: 'any', visibility: 'any' } as const;

/** By schema the kinds of event that came with it. Frozen: code that reads just these is deployed. */
const shapes: readonly (readonly [schema: number, Readonly<Record<string, Shape>>])[] = [
  [
    taskSchema,
    {
      created: taskFields,
      patched: taskFields,
      response: {
        ...addressed,
        response: {
          miner_uid: 'any',
          response_data: 'any',
          body: { object: 'any', bytes: 'any' },
          submitted_at_ms: 'any',
          processing_time: 'any',
          accuracy_score: 'any',
          speed_score: 'any',
          hotkey: 'any',
          status: 'any',
        },
      },
      deadline: addressed,
    },
  ],
  [
    operationSchema,
    {
      operation: {
        ...{ kind: 'any', path: 'any', stamp: 'any', type: 'any', data: 'any' },
        ...{ visibility: 'any', isNew: 'any' },
      },
    },
  ],
];

/**
 * The oldest schema whose readers know all of these events. They are told by their fields: a field that is new makes
 * its carrier one of the latest schema, and a new value or meaning of an old field must come with a new one.
 */
export function schemaOf(events: readonly Event[]): number {
  return events.reduce((latest, event) => Math.max(latest, schemaOfEvent(event)), taskSchema);
}

function schemaOfEvent(event: Event): number {
  for (const [schema, kinds] of shapes) {
    const shape = kinds[event.kind];
    if (shape !== undefined) return isKnown(event, shape) ? schema : strictSchema;
  }
  return strictSchema;
}

function isKnown(value: object, shape: Shape): boolean {
  for (const [name, inner] of Object.entries(value)) {
    const known = Object.hasOwn(shape, name) ? shape[name] : undefined;
    if (known === 'any' || inner === undefined) continue;
    if (known === undefined || typeof inner !== 'object' || inner === null || !isKnown(inner, known))
      return false;
  }
  return true;
}
