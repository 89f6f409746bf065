import { AppError } from '../platform/errors.ts';
import { isInt64, type Json } from '../platform/json.ts';
import { maxJsonDepth, maxWarnings } from './limits.ts';

/** Says that something was kept otherwise than it came. */
export interface Warning {
  /** The item's place in a batch. */
  index?: number;
  field: string;
  message: string;
}

/**
 * How one submission is read. A caller who can repair it gets it refused; what comes from a miner, which never sends it
 * again, is kept as far as it can be, with a warning for the rest.
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
   * A value of an optional field that is none.
   * @throws AppError the fault, where the reading is strict.
   */
  leaveOut(field: string, fault: AppError): void {
    if (!this.isLenient) throw fault;
    this.warn(field, `Left out. ${fault.message}`);
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
    // NaN, which Python writes, and 1e999 are both read as infinite.
    if (typeof value === 'number' && !Number.isFinite(value)) {
      return this.#replace(at, 'is NaN or out of range', 'null', null);
    }
    if (typeof value === 'bigint' && !isInt64(value)) {
      return this.#replace(at, 'is an integer past 64 bits', 'text', String(value));
    }
    if (typeof value !== 'object' || value === null) return value as Json;
    if (depthLeft === 0) throw jsonFault(at.replace(/[.[].*/s, ''), `nests deeper than ${maxJsonDepth}`);
    const members = value as Record<string, Json>;
    const isList = Array.isArray(value);
    for (const [name, child] of Object.entries(members)) {
      if (typeof child === 'string' || typeof child === 'boolean' || Number.isFinite(child)) continue;
      const kept = this.#json(child, isList ? `${at}[${name}]` : `${at}.${name}`, depthLeft - 1);
      if (kept !== child) members[name] = kept;
    }
    return value as Json;
  }

  #replace(at: string, fault: string, kept: string, value: Json): Json {
    if (!this.isLenient) throw jsonFault(at, fault);
    this.warn(shortened(at), `It ${fault}; kept as ${kept}.`);
    return value;
  }
}

function jsonFault(at: string, fault: string): AppError {
  return new AppError('invalid_request', `${shortened(at)}: ${fault}.`);
}

function shortened(at: string): string {
  return at.length > 128 ? `${at.slice(0, 128)}…` : at;
}
