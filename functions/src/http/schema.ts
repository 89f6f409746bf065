import * as z from 'zod/mini';
// By name: `z.core` would bundle all of it, and add 9 ms to each start.
import { $constructor, $ZodDefault, $ZodObjectJIT, $ZodOptional } from 'zod/v4/core';
import { AppError } from '../platform/errors.ts';
import { describe, isEmpty, isObject, numberText, quoted, timeMs } from './fields.ts';

/**
 * A schema says what a submitted value must be: it checks the value, gives it its type, and describes it in
 * openapi.json. Each of those below says in words what it expects, for the message of a value that is something else.
 */
export type Schema<Output = unknown> = z.core.$ZodType<Output>;

/** The message of a schema that a value does not fit. */
export function expecting(what: string): { error: (issue: { input?: unknown }) => string } {
  return { error: ({ input }) => `expected ${what}, got ${describe(input)}` };
}

export function integer(least: number, most: number): Schema<number> {
  const error = expecting(`an integer from ${least} to ${most}`);
  return z.int(error).check(z.minimum(least, error), z.maximum(most, error));
}

export function text(maxLength: number): z.ZodMiniString {
  const error = expecting(`a text of 1 to ${maxLength} characters`);
  return z.string(error).check(z.minLength(1, error), z.maxLength(maxLength, error));
}

export function oneOf<const Value extends string>(values: readonly Value[]): Schema<Value> {
  return z.enum(values, expecting(`one of ${values.join(', ')}`));
}

/** Any JSON object, which is handed on as it is. */
export const anyObject: Schema<Record<string, unknown>> = z
  .custom<Record<string, unknown>>(isObject, expecting('an object'))
  .check(z.meta({ type: 'object' }));

/** A number that is finite; JSON's 1e999 and Python's NaN are not. */
export const finite: Schema<number> = z.number(expecting('a finite number'));

/** A schema for what `prepare` makes of a value. */
export function prepared<Output>(
  prepare: (value: unknown) => unknown,
  schema: Schema<Output>,
): z.ZodMiniType<Output> {
  return z.pipe(z.transform(prepare), schema);
}

/** The form of a whole number as existing miners write it: theirs may have white space around it. */
export const wholeNumberText = /^\s*\d+\s*$/;

/** A number, or what else the schema takes; a number may come as a text of this form. */
export function orText<Value>(schema: Schema<Value>, form: RegExp): Schema<Value> {
  return prepared((value) => (typeof value === 'string' && form.test(value) ? Number(value) : value), schema);
}

export function finiteOrText(): Schema<number> {
  return orText(finite, numberText);
}

/** An integer as existing miners write it. */
export function integerOrText(least: number, most: number): Schema<number> {
  return orText(integer(least, most), wholeNumberText);
}

/** An integer in a query. */
export function queryInteger(least: number, most: number): Schema<number> {
  return orText(integer(least, most), /^\d{1,9}$/);
}

/**
 * Milliseconds since the epoch, from ISO 8601 (UTC where it names no zone), or seconds or milliseconds since the epoch.
 */
export function time(): Schema<number> {
  const { error } = expecting('an ISO 8601 time or seconds since the epoch');
  const toMs = z.transform((input: string | number, { issues }): number => {
    const ms = timeMs(input);
    if (ms === undefined) issues.push({ code: 'custom', input, message: error({ input }) });
    return ms ?? Number.NaN;
  });
  return z.pipe(z.union([z.string(), z.number()], { error }), toMs);
}

/** An object of these members; others are left out. Its reader is compiled when it is first used. */
export function someMembers<Shape extends z.core.$ZodLooseShape>(
  shape: Shape,
): z.core.$ZodObject<Shape, z.core.$strip> {
  return new $ZodObjectJIT({ type: 'object', shape }) as z.core.$ZodObject<Shape, z.core.$strip>;
}

/** An object of these members and no others; `hint` says where else a member might belong. */
export function members<Shape extends z.core.$ZodLooseShape>(
  shape: Shape,
  {
    noun = 'field',
    hint = `there are ${namesIn(Object.keys(shape))}`,
    checks = [] as z.core.$ZodCheck[],
  } = {},
): z.core.$ZodObject<Shape, z.core.$strict> {
  const expected = expecting('an object');
  const error: z.core.$ZodErrorMap = (issue) =>
    issue.code === 'unrecognized_keys'
      ? `Unknown ${noun} ${quoted(String(issue['keys'][0]))}: ${hint}`
      : expected.error(issue);
  const definition = { type: 'object', shape, catchall: z.never(), error, checks } as const;
  return new $ZodObjectJIT(definition) as z.core.$ZodObject<Shape, z.core.$strict>;
}

function namesIn(names: readonly string[]): string {
  return names.join(', ').replace(/, (?!.*, )/, ' and ');
}

const Optional = $constructor<$ZodOptional>('Optional', (schema, definition) => {
  $ZodOptional.init(schema, definition);
  schema._zod.parse = (payload, context) => {
    if (!isEmpty(payload.value)) return definition.innerType._zod.run(payload, context);
    payload.value = undefined;
    return payload;
  };
});

/** A member that may be missing; null and '' are as good as nothing. */
export function optional<Output>(schema: Schema<Output>): Schema<Output | undefined> {
  return new Optional({ type: 'optional', innerType: schema }) as Schema<Output | undefined>;
}

const WithDefault = $constructor<$ZodDefault>('WithDefault', (schema, definition) => {
  $ZodDefault.init(schema, definition);
  schema._zod.parse = (payload, context) => {
    if (!isEmpty(payload.value)) return definition.innerType._zod.run(payload, context);
    payload.value = definition.defaultValue;
    return payload;
  };
});

/** A member that is `otherwise` where it is missing, null or ''. */
export function withDefault<Output>(schema: Schema<Output>, otherwise: Output): Schema<Output> {
  return new WithDefault({ type: 'default', innerType: schema, defaultValue: otherwise }) as Schema<Output>;
}

/**
 * Reads a value; `name` is what messages call it as a whole, its members have names of their own.
 * @throws AppError `invalid_request` with the first fault: a member that is not known before one that is wrong.
 */
export function read<Output>(schema: Schema<Output>, value: unknown, name = 'body'): Output {
  const result = z.safeParse(schema, value);
  if (result.success) return result.data;
  throw invalid(result.error.issues, name);
}

/** The error for a value that does not fit its schema. */
export function invalid(issues: readonly z.core.$ZodIssue[], name = 'body'): AppError {
  const issue = issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0];
  const { path = [], message = '' } = issue ?? {};
  const isUnknownMember = issue?.code === 'unrecognized_keys' && path.length === 0;
  const place = path.length === 0 ? name : placeOf(path);
  return new AppError('invalid_request', `${isUnknownMember ? '' : `${place}: `}${message}.`);
}

function placeOf(path: readonly PropertyKey[]): string {
  return path
    .map((name) => (typeof name === 'number' ? `[${name}]` : `.${String(name)}`))
    .join('')
    .replace(/^\./, '');
}
