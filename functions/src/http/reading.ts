import * as z from 'zod/mini';
import { isInt64, type Json } from '../platform/json.ts';
import { faultAt, shortened } from './fields.ts';
import { maxJsonDepth, maxWarnings } from './limits.ts';
import { invalid, read, type Schema } from './schema.ts';

/** Says that something was kept otherwise than it came. */
export interface Warning {
  /** The item's place in a batch. */
  index?: number;
  field: string;
  message: string;
}

/**
 * The manner in which one submission is read. A caller who can repair it gets it refused; what comes from a miner,
 * which never sends it again, is kept as far as it can be, with a warning for the rest.
 */
export class Reading {
  readonly isLenient: boolean;
  readonly warnings: Warning[] = [];

  constructor(isLenient: boolean) {
    this.isLenient = isLenient;
  }

  /** Remembers a warning, up to as many as an answer should hold. */
  warn(field: string, message: string): void {
    if (this.warnings.length < maxWarnings) this.warnings.push({ field, message });
  }

  /**
   * Reads an object by its schema. Where the reading is lenient, members of these names that are wrong are left out.
   * @throws AppError `invalid_request`
   */
  read<Output>(
    schema: Schema<Output>,
    object: Readonly<Record<string, unknown>>,
    leftOut: ReadonlySet<unknown>,
  ): Output {
    const result = z.safeParse(schema, object);
    if (result.success) return result.data;
    const wrong = result.error.issues.filter(({ path: [name] }) => leftOut.has(name));
    if (!this.isLenient || wrong.length === 0) throw invalid(result.error.issues);
    const rest = { ...object };
    for (const { path, message } of wrong) {
      const name = String(path[0]);
      delete rest[name];
      this.warn(name, `Left out. ${name}: ${message}.`);
    }
    return read(schema, rest);
  }

  /** A number from 0 to `most`, clamped with a warning; 0 where there is none. */
  clamped(number = 0, field: string, most: number): number {
    const clamped = Math.min(Math.max(number, 0), most);
    if (clamped !== number) this.warn(field, `It is ${number}; kept as ${clamped}.`);
    return clamped;
  }

  /**
   * Any JSON value that nests at most 20 deep. Numbers that are none become null, integers past int64 become text; it
   * changes the value that it is given.
   * @throws AppError `invalid_request` with the place, where the reading is strict or it nests deeper.
   */
  json(value: unknown, name: string): Json {
    return this.#json(value, name, maxJsonDepth);
  }

  #json(value: unknown, at: string, depthLeft: number): Json {
    if (typeof value !== 'object' || value === null)
      return isKeepable(value) ? value : this.#replace(value as number | bigint, at);
    if (depthLeft === 0) throw faultAt(at.replace(/[.[].*/s, ''), `nests deeper than ${maxJsonDepth}`);
    const members = value as Record<string, unknown>;
    const [before, behind] = Array.isArray(value) ? ['[', ']'] : ['.', ''];
    const keep = (name: string | number): void => {
      const child = members[name];
      if (isKeepable(child)) return;
      members[name] = this.#json(child, `${at}${before}${name}${behind}`, depthLeft - 1);
    };
    if (Array.isArray(value)) for (let index = 0; index < value.length; index += 1) keep(index);
    else for (const name of Object.keys(value)) keep(name);
    return value as Json;
  }

  /** Puts something in the place of a number that is none, or of an integer that is too large. */
  #replace(value: number | bigint, at: string): Json {
    // NaN, which Python writes, and 1e999 are both read as infinite.
    const [fault, kept] =
      typeof value === 'number' ? ['is NaN or out of range', 'null'] : ['is an integer past 64 bits', 'text'];
    if (!this.isLenient) throw faultAt(at, fault);
    this.warn(shortened(at), `It ${fault}; kept as ${kept}.`);
    return typeof value === 'number' ? null : String(value);
  }
}

/** True for a scalar that is kept as it is. */
function isKeepable(value: unknown): value is string | number | bigint | boolean | null {
  if (typeof value === 'bigint') return isInt64(value);
  if (typeof value === 'number') return Number.isFinite(value);
  return typeof value !== 'object' || value === null;
}
