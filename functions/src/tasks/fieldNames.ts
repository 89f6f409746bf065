import { quoted } from '../http/fields.ts';
import { AppError } from '../platform/errors.ts';

/** A task's inputs: any JSON, also null and ''. */
const inputName = /^input_[a-z0-9_]{1,64}$/;

/** Further fields come under names of their own, those that {@link isReserved} excepted. */
const furtherName = /^[a-z][a-z0-9_]{0,63}$/i;

/** Names that begin as those of Sluice's own fields do. */
const ownPrefix = /^(?:_|sluice_)/i;

/** Fields that Sluice derives or keeps, also what earlier versions did, and members of a line of `POST /v1/events`. */
const reservedNames: readonly string[] = [
  ...['response_count', 'first_response_at', 'best_response', 'miner_responses', 'superseded_responses'],
  ...['completed_at', 'completion_reason', 'distributed_at', 'created_at', 'updated_at', 'written_at'],
  ...['deadline_at', 'expires_at', 'feed_shard', 'evaluations', 'type', 'stamp', 'visibility'],
  // Every object of JavaScript has these.
  ...['constructor', 'hasOwnProperty', 'isPrototypeOf', 'propertyIsEnumerable', 'toLocaleString', 'toString'],
  'valueOf',
];

/** Members for the JSON Schema of an object that may have inputs and further fields. */
export const openNames = {
  patternProperties: { [inputName.source]: {} },
  additionalProperties: {},
  propertyNames: {
    pattern: '^(?:input_[a-z0-9_]{1,64}|(?!sluice_)[A-Za-z][A-Za-z0-9_]{0,63})$',
    not: { enum: reservedNames },
  },
};

/** True for the name of an input, which may hold null and ''. */
export function isInputName(name: string): boolean {
  return inputName.test(name);
}

const reserved = new Set(reservedNames.map(bare));

/**
 * Checks the name of a field that is none of the `known` ones.
 * @throws AppError `invalid_request` where it is Sluice's own, or cannot be told from a known one.
 */
export function checkOpenName(name: string, known: readonly string[]): void {
  if (isInputName(name)) return;
  const refused = (why: string): AppError =>
    new AppError('invalid_request', `Field ${quoted(name)}: ${why}.`);
  if (ownPrefix.test(name) || reserved.has(bare(name))) {
    throw refused('this name is Sluice’s own; it cannot be set');
  }
  if (!furtherName.test(name))
    throw refused('a name has 1 to 64 characters of a-z 0-9 _ and begins with a letter');
  const meant = known.find((other) => bare(other) === bare(name));
  if (meant !== undefined) throw refused(`write ${meant}`);
}

/** A name without what people write otherwise: `createdAt` is `created_at`. */
function bare(name: string): string {
  return name.replaceAll('_', '').toLowerCase();
}
