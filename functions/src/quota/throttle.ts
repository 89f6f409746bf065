import type { Logger } from '../platform/logger.ts';
import type { Denial, LedgerAnswer } from './ledger.ts';
import { emergencyShare } from './limits.ts';
import { type OperationType, operationTypes } from './operations.ts';
import { percentageOf, type QuotaWarning } from './warnings.ts';

/** The multiplier's steps and bounds. */
const step = 1.5;
export const maxMultiplier = 10;
const stepEveryMs = 10_000;

/** Demand that is refused for so long is a warning, and an emergency. */
const saturationWarningMs = 10_000;
const saturationEmergencyMs = 60_000;

/** How long RESOURCE_EXHAUSTED counts as an emergency. */
const exhaustionMs = 10_000;

/** Ticks stretch to this at most. */
export const maxStretchedTickMs = 15_000;

export interface ThrottleOptions {
  logger: Logger;
  tickMs: number;
  /** Takes warnings to the ledger, where every instance sees them. */
  warn(warning: QuotaWarning): void;
}

/**
 * Goes slower when the quota runs short, and back by itself: each emergency raises the multiplier by a half, and each
 * quiet time lowers it again. Using the granted rate fully is healthy and changes nothing.
 */
export class Throttle {
  readonly #options: ThrottleOptions;
  #multiplier = 1;
  #steppedAtMs = 0;
  #exhaustedAtMs = Number.NEGATIVE_INFINITY;
  /** Whether the multiplier was raised because Firestore itself refused: then rates shrink as well. */
  #isFirestoreShort = false;
  #isDayShort = false;
  readonly #refusedSinceMs = new Map<OperationType, { sinceMs: number; isWarned: boolean }>();

  constructor(options: ThrottleOptions) {
    this.#options = options;
  }

  /** From 1 to 10. */
  multiplier(nowMs: number): number {
    this.#step(nowMs);
    return this.#multiplier;
  }

  /** What rates are divided by. */
  rateDivisor(nowMs: number): number {
    return this.#isFirestoreShort ? this.multiplier(nowMs) : 1;
  }

  /** Operations were let through: what stretched the ticks is over. */
  served(type: OperationType, nowMs: number): void {
    this.#refusedSinceMs.delete(type);
    if (this.#multiplier > 1) this.#step(nowMs);
  }

  /** Operations were not let through. Returns when to come again: later, the higher the multiplier. */
  refused(type: OperationType, { reason, retryAtMs }: Denial, nowMs: number): number {
    const streak = this.#refusedSinceMs.get(type) ?? { sinceMs: nowMs, isWarned: false };
    const isFirst = !this.#refusedSinceMs.has(type);
    this.#refusedSinceMs.set(type, streak);
    const isSaturated = reason === 'rate';
    if (isSaturated && nowMs - streak.sinceMs >= saturationWarningMs && !streak.isWarned) {
      streak.isWarned = true;
      this.#warn({ operationType: type, limitType: 'per_second', current: 1, limit: 1, atMs: nowMs });
    }
    this.#step(nowMs);
    const againMs = isSaturated ? Math.max(retryAtMs, nowMs + this.stretchedTickMs(nowMs)) : retryAtMs;
    if (isFirst) {
      const seconds = Math.ceil((againMs - nowMs) / 1000);
      this.#options.logger.warn(`Throttling ${type} operation for ${seconds} seconds`, { reason });
    }
    return againMs;
  }

  /** Firestore answered RESOURCE_EXHAUSTED. Returns when to come again. */
  exhausted(type: OperationType, nowMs: number): number {
    this.#exhaustedAtMs = nowMs;
    this.#isFirestoreShort = true;
    this.#step(nowMs);
    this.refused(type, { reason: 'rate', retryAtMs: nowMs }, nowMs);
    return nowMs + this.stretchedTickMs(nowMs);
  }

  /** What the ledger says of the day, and the warnings that this request set off. */
  learn({ chargedShare, warnings }: Pick<LedgerAnswer, 'chargedShare' | 'warnings'>, nowMs: number): void {
    for (const warning of warnings) this.#log(warning);
    this.#isDayShort = operationTypes.some((type) => chargedShare[type] >= emergencyShare);
    this.#step(nowMs);
  }

  /** The tick while operations are refused; the first success ends that. */
  stretchedTickMs(nowMs: number): number {
    return Math.min(maxStretchedTickMs, this.#options.tickMs * this.multiplier(nowMs));
  }

  #isEmergency(nowMs: number): boolean {
    const isSaturated = [...this.#refusedSinceMs.values()].some(
      ({ sinceMs, isWarned }) => isWarned && nowMs - sinceMs >= saturationEmergencyMs,
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

  #warn(warning: QuotaWarning): void {
    this.#log(warning);
    this.#options.warn(warning);
  }

  #log(warning: QuotaWarning): void {
    const { operationType, limitType, current, limit } = warning;
    this.#options.logger.warn(`QUOTA WARNING ${operationType} ${limitType}`, {
      current,
      limit,
      percentage: percentageOf(warning),
    });
  }
}
