import type { FunctionSpec } from './manifest.ts';

/** Requests and billed instance time; a start has time and no request. */
interface CauseUsage {
  requests: number;
  active_s: number;
}

interface FunctionUsage extends CauseUsage {
  /** As the function declares them. */
  vcpu: number;
  memory_gib: number;
  starts: number;
  by_cause: Record<string, CauseUsage>;
}

/** Sums over all functions, as they are billed, and each one's part. */
export interface FunctionsUsage {
  requests: number;
  /** Billed instance time in seconds. */
  active_s: number;
  vcpu_s: number;
  gib_s: number;
  /** Bytes that callers got who called a function by its own address. */
  egress_bytes: number;
  /** Bytes in Cloud Logging: what the functions print, and the platform's line for each request. */
  log_bytes: number;
  /** Versions of secrets that starting instances read. */
  secret_accesses: number;
  by_function: Record<string, FunctionUsage>;
}

/** A request's own entry in Cloud Logging, and what is stored with each printed line; both measured by eye. */
export const requestLogBytes = 800;
const entryLogBytes = 400;

/** Counts one function's use since the last reset, besides the time of its instances. */
export class FunctionMeter {
  readonly #requests = new Map<string, number>();
  #logBytes = 0;

  requested(cause: string): void {
    this.#requests.set(cause, (this.#requests.get(cause) ?? 0) + 1);
    this.#logBytes += requestLogBytes;
  }

  logged(entry: object): void {
    this.#logBytes += entryLogBytes + JSON.stringify(entry).length;
  }

  reset(): void {
    this.#requests.clear();
    this.#logBytes = 0;
  }

  get logBytes(): number {
    return this.#logBytes;
  }

  /** `starts` and `billedMs`: of the function's instances. */
  usage(
    { vcpu, memoryBytes }: FunctionSpec,
    starts: number,
    billedMs: ReadonlyMap<string, number>,
  ): FunctionUsage {
    const byCause: Record<string, CauseUsage> = {};
    for (const cause of new Set([...billedMs.keys(), ...this.#requests.keys()])) {
      byCause[cause] = {
        requests: this.#requests.get(cause) ?? 0,
        active_s: seconds(billedMs.get(cause) ?? 0),
      };
    }
    return {
      vcpu,
      memory_gib: memoryBytes / 2 ** 30,
      starts,
      requests: sumOf(this.#requests.values()),
      active_s: seconds(sumOf(billedMs.values())),
      by_cause: byCause,
    };
  }
}

/** Sums of the functions' parts. */
export function sumsOf(
  parts: Iterable<FunctionUsage>,
): Pick<FunctionsUsage, 'requests' | 'active_s' | 'vcpu_s' | 'gib_s'> {
  const sums = { requests: 0, active_s: 0, vcpu_s: 0, gib_s: 0 };
  for (const { requests, active_s, vcpu, memory_gib } of parts) {
    sums.requests += requests;
    sums.active_s += active_s;
    sums.vcpu_s += active_s * vcpu;
    sums.gib_s += active_s * memory_gib;
  }
  const rounded = (s: number): number => seconds(s * 1000);
  return {
    requests: sums.requests,
    active_s: rounded(sums.active_s),
    vcpu_s: rounded(sums.vcpu_s),
    gib_s: rounded(sums.gib_s),
  };
}

function sumOf(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}

/** To the thousandth of a millisecond: sums of shares are no round numbers. */
function seconds(ms: number): number {
  return Math.round(ms * 1000) / 1_000_000;
}
