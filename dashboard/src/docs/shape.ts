import type { Contract, Schema } from './contract.ts';

/** A schema in words, and what is inside. */
export interface Shape {
  /** As in “list of text, up to 10”. */
  type: string;
  /** For a person. */
  description: string | undefined;
  fields: Field[];
  /** Shapes of which it has one, as far as they have fields. */
  choices: Shape[];
}

interface Field {
  name: string;
  isRequired: boolean;
  shape: Shape;
}

/** Deeper than anything a person would read; a schema that refers to itself by another way ends there. */
const maxDepth = 12;

/** Describes a schema; within itself a schema that is referred to is named, not told again. */
export function shapeOf(schema: Schema, contract: Contract, within: readonly string[] = []): Shape {
  const { $ref: reference } = schema;
  if (reference !== undefined) {
    const name = reference.split('/').at(-1) ?? reference;
    const target = reference.startsWith('#/') ? resolved(reference, contract) : undefined;
    if (target === undefined) return leaf(`${name} (not described)`);
    if (within.includes(reference)) return leaf(`${name}, as above`);
    const shape = shapeOf(target, contract, [...within, reference]);
    return { ...shape, type: `${name}: ${shape.type}`, description: schema.description ?? shape.description };
  }
  if (within.length > maxDepth) return leaf('…');
  const inside = (one: Schema): Shape => shapeOf(one, contract, [...within, '']);
  const { description } = schema;
  if (schema.anyOf !== undefined) {
    const choices = schema.anyOf.map(inside);
    const type = [...new Set(choices.map((choice) => choice.type))].join(' or ');
    const told = choices.filter(({ fields, choices: more }) => fields.length > 0 || more.length > 0);
    // Several fields beside null alone are its own.
    if (told.length === 1 && told[0] !== undefined) return { ...told[0], type, description };
    return { type: `${type}${defaultOf(schema)}`, description, fields: [], choices: told };
  }
  if (schema.items !== undefined) {
    const item = inside(schema.items);
    const items = range(schema, 'Items');
    const list = `list${items === '' ? '' : ` (${items})`} of ${item.type}`;
    return { ...item, type: `${list}${defaultOf(schema)}`, description };
  }
  const fields = fieldsOf(schema, inside);
  return { type: `${typeOf(schema)}${defaultOf(schema)}`, description, fields, choices: [] };
}

function leaf(type: string): Shape {
  return { type, description: undefined, fields: [], choices: [] };
}

function resolved(reference: string, contract: Contract): Schema | undefined {
  let at: unknown = contract;
  for (const part of reference.slice(2).split('/')) {
    const name = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
    at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[name] : undefined;
  }
  return at as Schema | undefined;
}

function fieldsOf(schema: Schema, inside: (one: Schema) => Shape): Field[] {
  const { properties = {}, required = [], additionalProperties } = schema;
  const fields = Object.entries(properties).map(([name, property]) => ({
    name,
    isRequired: required.includes(name),
    shape: inside(property),
  }));
  const others = typeof additionalProperties === 'object' ? inside(additionalProperties) : undefined;
  if (others !== undefined && Object.keys(additionalProperties as object).length > 0)
    fields.push({
      name: fields.length === 0 ? 'any name' : 'any other name',
      isRequired: false,
      shape: others,
    });
  return fields;
}

const words: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'whole number',
  number: 'number',
  boolean: 'true or false',
  object: 'object',
  array: 'list',
  null: 'null',
};

function typeOf(schema: Schema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  const types = [schema.type ?? []].flat();
  if (types.length === 0) return 'anything';
  const name = types.map((type) => words[type] ?? type).join(' or ');
  const bounds = [range(schema, 'Length'), range(schema, ''), formOf(schema)].filter((bound) => bound !== '');
  return bounds.length === 0 ? name : `${name} (${bounds.join(', ')})`;
}

const units = { Length: ' characters', Items: '', '': '' };

/** Bounds that are narrower than the type's own. */
function range(schema: Schema, of: keyof typeof units): string {
  const key = of === '' ? ['minimum', 'maximum'] : [`min${of}`, `max${of}`];
  const [least, most] = key.map((name) => schema[name as 'minimum' | 'maxItems']);
  const isBound = most !== undefined && most < Number.MAX_SAFE_INTEGER;
  const isLeast = least !== undefined && least > -Number.MAX_SAFE_INTEGER && !(of !== '' && least === 0);
  if (isLeast && isBound) return `${least} to ${most}${units[of]}`;
  if (isBound) return `up to ${most}${units[of]}`;
  return isLeast ? `${least} or more${units[of]}` : '';
}

function formOf({ format, pattern }: Schema): string {
  if (format !== undefined) return format === 'date-time' ? 'ISO time' : format;
  return pattern === undefined ? '' : `like ${pattern}`;
}

function defaultOf({ default: value }: Schema): string {
  return value === undefined ? '' : `; ${JSON.stringify(value)} where it is missing`;
}
