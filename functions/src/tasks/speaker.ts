import type { ResponseReceived } from '../events/event.ts';
import type { Caller } from '../http/route.ts';
import type { Clock } from '../platform/clock.ts';
import { AppError } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import type { OrphanKeys } from './orphanTally.ts';

export interface SpeakersOptions {
  /** STRICT_BINDING: a key that is bound to hotkeys and to no uid speaks for nobody. */
  strictBinding: boolean;
  /** COUNT_UNASSIGNED_ANSWERS: answers count whichever miners their task names. */
  countUnassignedAnswers: boolean;
  logger: Pick<Logger, 'warn'>;
  clock: Clock;
  orphanKeys: Pick<OrphanKeys, 'refusedUntilMs'>;
}

/** Knows for which miners a key speaks. */
export class Speakers {
  readonly #options: SpeakersOptions;
  /** Keys whose binding says no uid, as the log was told. */
  readonly #warned = new Set<string>();

  constructor(options: SpeakersOptions) {
    this.#options = options;
  }

  /**
   * A response as it is queued: with who sent it, where that is a miner's key.
   * @throws AppError `forbidden` where the key does not speak for this miner, `rate_limited` where it answered
   * too much that nobody asked.
   */
  spoken(caller: Caller, event: ResponseReceived): ResponseReceived {
    this.checkUid(caller, event.response.miner_uid);
    checkHotkey(caller, event.response.hotkey);
    if (caller.role !== 'miner') return event;
    const { clock, orphanKeys, countUnassignedAnswers: countsUnassigned } = this.#options;
    const untilMs = orphanKeys.refusedUntilMs(caller.keyId);
    if (untilMs !== undefined) {
      throw new AppError(
        'rate_limited',
        'Too many answers of this key today are for tasks that nobody created, or that have no place for them.',
        { retryAfterSeconds: (untilMs - clock.now()) / 1000 },
      );
    }
    return { ...event, minerKey: caller.keyId, ...(countsUnassigned ? { countsUnassigned } : {}) };
  }

  /** Throws AppError `forbidden` where a key neither answers nor asks for this miner. */
  checkUid({ keyId, uids, hotkeys }: Caller, uid: number): void {
    if (uids !== undefined && !uids.includes(uid)) {
      throw new AppError('forbidden', `This key does not speak for miner ${uid}.`);
    }
    if (uids !== undefined || hotkeys === undefined) return;
    if (this.#options.strictBinding) {
      throw new AppError('forbidden', 'This key is bound to hotkeys and to no uid: it needs a new one.');
    }
    if (this.#warned.has(keyId)) return;
    this.#warned.add(keyId);
    this.#options.logger.warn(
      'A key is bound to hotkeys and to no uid, so that it speaks for every uid; make one with uids',
      { key_id: keyId },
    );
  }
}

/** Throws AppError `forbidden` where a key that is bound to uids does not speak for this validator. */
export function checkValidator({ uids }: Caller, uid: number | 'unknown'): void {
  if (uids === undefined || uids.some((own) => own === uid)) return;
  throw new AppError('forbidden', `This key does not speak for validator ${uid}.`);
}

/** A hotkey that is named must be one of the key's; a key bound to hotkeys alone must name one. */
function checkHotkey({ uids, hotkeys }: Caller, hotkey: string | null): void {
  if (hotkeys === undefined || (hotkey === null && uids !== undefined)) return;
  if (hotkey === null || !hotkeys.includes(hotkey)) {
    throw new AppError(
      'forbidden',
      'This key speaks only for the hotkeys it is bound to; send one of them as hotkey.',
    );
  }
}
