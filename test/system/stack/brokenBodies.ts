/** A JSON Schema, as much of it as is looked at. */
export interface JsonSchema {
  type?: string | string[];
  properties?: Record<string, JsonSchema>;
  patternProperties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: JsonSchema | boolean;
  propertyNames?: { pattern: string; not: { enum: string[] } };
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  examples?: unknown[];
}

/** Why a value does not fit a schema; undefined where it does. */
type Misfits = (schema: JsonSchema, value: unknown) => string | undefined;

const oddValues = [-1, 1.5, 'x'.repeat(300), true, [true], { a: [] }];

/**
 * Bodies that differ from an example in one place so that they do not fit the schema: a member is missing, too many, or
 * has another type or size; and what is no object.
 */
export function* brokenBodies(
  schema: JsonSchema,
  example: unknown,
  misfits: Misfits,
): Generator<[what: string, body: unknown]> {
  for (const [what, body] of changed(schema, example, misfits)) {
    if (misfits(schema, body) !== undefined) yield [what, body];
  }
}

function* changed(schema: JsonSchema, value: unknown, misfits: Misfits): Generator<[string, unknown]> {
  if (schema.anyOf !== undefined) {
    const fitting = schema.anyOf.find((each) => misfits(each, value) === undefined);
    if (fitting !== undefined) yield* changed(fitting, value, misfits);
    return;
  }
  const odd = oddValues.find((each) => misfits(schema, each) !== undefined);
  if (odd !== undefined) yield [`is ${JSON.stringify(odd).slice(0, 30)}`, odd];
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      for (const [what, broken] of changed(schema.items ?? {}, item, misfits))
        yield [`[${index}] ${what}`, value.with(index, broken)];
    }
  } else if (typeof value === 'object' && value !== null) yield* changedMembers(schema, value, misfits);
}

function* changedMembers(
  { properties = {}, required = [], additionalProperties, propertyNames }: JsonSchema,
  object: object,
  misfits: Misfits,
): Generator<[string, unknown]> {
  if (additionalProperties === false) yield ['an unknown member', { ...object, no_such_member: 1 }];
  for (const name of propertyNames ? ['a-b', ...propertyNames.not.enum] : [])
    yield [`a member ${name}`, { ...object, [name]: 1 }];
  for (const name of required) {
    const { [name]: _, ...rest } = object as Record<string, unknown>;
    yield [`without ${name}`, rest];
  }
  for (const [name, member] of Object.entries(properties)) {
    const value = (object as Record<string, unknown>)[name];
    for (const [what, broken] of changed(member, value, misfits))
      yield [`${name} ${what}`, { ...object, [name]: broken }];
  }
}
