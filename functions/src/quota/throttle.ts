import type { Logger } from '../platform/logger.ts';
import type { Denial, LedgerAnswer } from './ledgerRequest.ts';
import { percentageOf, type QuotaWarning } from './ledgerState.ts';
import { emergencyShare } from './limits.ts';
import { type BilledType, billedTypes } from './operations.ts';

/** The multiplier's steps and bounds. */
const step = 1.5;
export const maxMultiplier = 10;
const stepEveryMs = 10_000;

/** Demand that is refused for so long is a warning, and an emergency. */
const saturationWarningMs = 10_000;
const saturationEmergencyMs = 60_000;

/** RESOURCE_EXHAUSTED counts as an emergency for so long: until after the next try. */
const exhaustionMs = 20_000;

/** Refusals that are further apart are not one time of it: a few ticks, and how long operations wait. */
const maxGapMs = 30_000;

/** Operations a second that a holder would use, and that its lease allows. */
interface Flow {
  demand: number;
  granted: number;
}

/** Demand that is refused for want of a rate, with nothing let through. */
interface Saturation {
  sinceMs: number;
  latestMs: number;
  isWarned: boolean;
}

interface ThrottleOptions {
  logger: Logger;
  tickMs: number;
  /** Takes warnings to the ledger, where every instance sees them. */
  warn(warning: QuotaWarning): void;
}

/**
 * Goes slower when the quota runs short, and back by itself: each emergency raises the multiplier by a half, and each
 * quiet time lowers it again. Where Firestore itself refuses, rates are divided by it; else leases keep to the limit,
 * and it is only shown. Using the granted rate fully is healthy and changes nothing.
 */
export class Throttle {
  readonly #options: ThrottleOptions;
  #multiplier = 1;
  #steppedAtMs = 0;
  #exhaustedAtMs = Number.NEGATIVE_INFINITY;
  /** True where the multiplier was raised because Firestore itself refused: then rates shrink as well. */
  #isFirestoreShort = false;
  #isDayShort = false;
  readonly #saturations = new Map<BilledType, Saturation>();
  readonly #refusedAtMs: Partial<Record<BilledType, number>> = {};

  constructor(options: ThrottleOptions) {
    this.#options = options;
  }

  /** The multiplier, from 1 to 10. */
  multiplier(nowMs: number): number {
    this.#step(nowMs);
    return this.#multiplier;
  }

  /** The number that rates are divided by. */
  rateDivisor(nowMs: number): number {
    return this.#isFirestoreShort ? this.multiplier(nowMs) : 1;
  }

  /** Operations were let through: the kind is not saturated. */
  served(type: BilledType, nowMs: number): void {
    this.#saturations.delete(type);
    if (this.#multiplier > 1) this.#step(nowMs);
  }

  /** Operations were not let through. Returns when to come again: a tick later, or when the denial ends. */
  refused(type: BilledType, { reason, retryAtMs }: Denial, flow: Flow, nowMs: number): number {
    if (reason !== 'rate') return this.#told(type, reason, retryAtMs, nowMs);
    this.#saturate(type, flow, nowMs);
    this.#step(nowMs);
    return this.#told(type, reason, Math.max(retryAtMs, nowMs + this.#options.tickMs), nowMs);
  }

  /** Firestore answered RESOURCE_EXHAUSTED. Returns when to come again at the earliest: the flush waits ever longer. */
  exhausted(type: BilledType, nowMs: number): number {
    this.#exhaustedAtMs = nowMs;
    this.#isFirestoreShort = true;
    this.#step(nowMs);
    return this.#told(type, 'exhausted', nowMs + this.#options.tickMs, nowMs);
  }

  /** Learns what the ledger says of the day, and the warnings that a request set off. */
  learn({ chargedShare, warnings }: Pick<LedgerAnswer, 'chargedShare' | 'warnings'>, nowMs: number): void {
    for (const warning of warnings) this.#log(warning);
    this.#isDayShort = billedTypes.some((type) => chargedShare[type] >= emergencyShare);
    this.#step(nowMs);
  }

  #saturate(type: BilledType, { demand, granted }: Flow, nowMs: number): void {
    const known = this.#saturations.get(type);
    const isOne = known !== undefined && nowMs - known.latestMs < maxGapMs;
    const saturation = isOne ? known : { sinceMs: nowMs, latestMs: nowMs, isWarned: false };
    saturation.latestMs = nowMs;
    this.#saturations.set(type, saturation);
    if (saturation.isWarned || nowMs - saturation.sinceMs < saturationWarningMs) return;
    saturation.isWarned = true;
    const [current, limit] = [tenths(demand), tenths(granted)];
    const kind = { operationType: type, limitType: 'per_second' } as const;
    const warning = { ...kind, current, limit, atMs: nowMs };
    this.#log(warning);
    this.#options.warn(warning);
  }

  /** Logs a refusal, unless one of that kind was logged lately. Returns `againMs`. */
  #told(type: BilledType, reason: string, againMs: number, nowMs: number): number {
    const isNews = nowMs - (this.#refusedAtMs[type] ?? Number.NEGATIVE_INFINITY) >= maxGapMs;
    this.#refusedAtMs[type] = nowMs;
    if (isNews) {
      const seconds = Math.ceil((againMs - nowMs) / 1000);
      this.#options.logger.warn(`Throttling ${type} operation for ${seconds} seconds`, { reason });
    }
    return againMs;
  }

  #isEmergency(nowMs: number): boolean {
    const isSaturated = [...this.#saturations.values()].some(
      ({ sinceMs, latestMs }) => latestMs - sinceMs >= saturationEmergencyMs && nowMs - latestMs < maxGapMs,
    );
    return isSaturated || this.#isDayShort || nowMs - this.#exhaustedAtMs < exhaustionMs;
  }

  #step(nowMs: number): void {
    const isEmergency = this.#isEmergency(nowMs);
    const before = this.#multiplier;
    const steps = Math.floor((nowMs - this.#steppedAtMs) / stepEveryMs);
    if (isEmergency && (before === 1 || steps >= 1)) {
      this.#multiplier = Math.min(maxMultiplier, before * step);
      this.#steppedAtMs = nowMs;
    } else if (!isEmergency && steps >= 1 && before > 1) {
      this.#multiplier = Math.max(1, before / step ** steps);
      this.#steppedAtMs = nowMs;
    }
    if (before === 1 && this.#multiplier > 1)
      this.#options.logger.error('EMERGENCY THROTTLING ENABLED', { multiplier: this.#multiplier });
    if (before > 1 && this.#multiplier === 1) {
      this.#isFirestoreShort = false;
      this.#options.logger.info('THROTTLING DISABLED');
    }
  }

  #log(warning: QuotaWarning): void {
    const { operationType, limitType, current, limit } = warning;
    const fields = { current, limit, percentage: percentageOf(warning) };
    this.#options.logger.warn(`QUOTA WARNING ${operationType} ${limitType}`, fields);
  }
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
