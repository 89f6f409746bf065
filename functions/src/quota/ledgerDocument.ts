import { type Clock, delay, within } from '../platform/clock.ts';
import { DocumentError, type DocumentStore, type DocumentVersion } from '../platform/documents.ts';
import { messageOf } from '../platform/errors.ts';
import type { QuotaDays } from './day.ts';
import { applyToLedger } from './ledger.ts';
import type { LedgerAnswer, LedgerRequest } from './ledgerRequest.ts';
import { type LedgerState, nothingCharged, nothingReported } from './ledgerState.ts';
import {
  ledgerTimeoutMs,
  maxLedgerAttempts,
  maxLedgerBackoffMs,
  minLedgerBackoffMs,
  type QuotaLimits,
} from './limits.ts';
import type { BilledType, ByPurpose } from './operations.ts';

/** The ledger's document. Its one field is exempt from indexing (firestore.indexes.json). */
export const ledgerPath = 'quota/ledger';

const ledgerVersion = 1;

/** The ledger did not do what it was asked. */
export class LedgerError extends Error {
  override readonly name = 'LedgerError';
  /** True where the request may have been recorded all the same. */
  readonly mayBeRecorded: boolean;
  /** The kind of operation of which Firestore itself has no more to give, if that is why. */
  readonly exhausted: BilledType | undefined;

  constructor(mayBeRecorded: boolean, cause: unknown) {
    super(`The quota ledger cannot be used: ${messageOf(cause)}`, { cause });
    this.mayBeRecorded = mayBeRecorded;
    const isExhausted = cause instanceof DocumentError && cause.failure === 'exhausted';
    const type = mayBeRecorded ? 'writes' : 'reads';
    this.exhausted = isExhausted ? type : undefined;
  }
}

interface LedgerOptions {
  /** Firestore itself: the ledger's own operations need no lease. */
  documents: Pick<DocumentStore, 'read' | 'commit'>;
  clock: Clock;
  days: QuotaDays;
  limits: QuotaLimits;
  /** From 0 up to 1: spreads those that meet at the ledger. */
  random(): number;
}

/** A request without time and attempts, which each attempt sees anew. */
export type LedgerOrder = Omit<LedgerRequest, 'nowMs' | 'day' | 'attempts'>;

/**
 * The ledger's document. Reading it and storing what follows is one transaction: the write demands the version that was
 * read, and whoever comes too late reads again.
 */
export class Ledger {
  readonly #options: LedgerOptions;
  /** Reads of which the ledger does not know yet: each is charged. */
  #unrecordedReads = 0;

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  /** Has the ledger work on a request, in one transaction. Throws {@link LedgerError}. */
  async ask(order: LedgerOrder): Promise<LedgerAnswer> {
    const progress: Progress = { mayBeRecorded: false, isGivenUp: false };
    try {
      return await this.#inTime(this.#ask(order, progress));
    } catch (cause) {
      progress.isGivenUp = true;
      throw new LedgerError(progress.mayBeRecorded, cause);
    }
  }

  /** The state as it is stored, for those who only look. Throws {@link LedgerError}. */
  async look(): Promise<LedgerState | undefined> {
    try {
      return (await this.#inTime(this.#read())).state;
    } catch (cause) {
      throw new LedgerError(false, cause);
    }
  }

  #inTime<Value>(work: Promise<Value>): Promise<Value> {
    return within(this.#options.clock, ledgerTimeoutMs, work, () => new Error('no answer in time'));
  }

  async #ask(order: LedgerOrder, progress: Progress): Promise<LedgerAnswer> {
    const { clock, days, limits, documents, random } = this.#options;
    let sent: LedgerAnswer | undefined;
    for (let attempt = 1; ; attempt += 1) {
      const { state: stored, version } = await this.#read();
      // Whoever asked was told that nothing was recorded, so nothing may be from now on.
      if (progress.isGivenUp) throw new Error('given up');
      if (sent !== undefined && isRecorded(sent, order, stored)) return sent;
      progress.mayBeRecorded = false;
      const nowMs = clock.now();
      const attempts = this.#unrecordedReads;
      const request = { ...order, nowMs, day: days.dayOf(nowMs), attempts };
      const { state, answer } = applyToLedger(stored, request, limits);
      if (state === undefined) return answer;
      progress.mayBeRecorded = true;
      try {
        await documents.commit(
          [
            {
              path: ledgerPath,
              ifVersion: version,
              changes: [{ path: ['ledger'], value: encodeLedger(state) }],
            },
          ],
          'ledger',
        );
        this.#unrecordedReads -= attempts;
        return answer;
      } catch (error) {
        if (!(error instanceof DocumentError) || error.failure !== 'conflict') throw error;
        if (attempt === maxLedgerAttempts) throw error;
        // The client repeats a commit whose answer was lost, so the conflict may be with itself: the next look tells.
        sent = answer;
        await delay(clock, random() * Math.min(maxLedgerBackoffMs, minLedgerBackoffMs * 2 ** (attempt - 1)));
      }
    }
  }

  async #read(): Promise<{ state: LedgerState | undefined; version: DocumentVersion | 'absent' }> {
    this.#unrecordedReads += 1;
    const [found] = await this.#options.documents.read([ledgerPath], 'ledger');
    if (found?.fields === undefined || found.version === undefined)
      return { state: undefined, version: 'absent' };
    return { state: decodeLedger(found.fields['ledger']), version: found.version };
  }
}

interface Progress {
  mayBeRecorded: boolean;
  /** Nobody waits for the answer any more. */
  isGivenUp: boolean;
}

/**
 * True where what was sent is in the ledger although it was refused: its lease is there, or what it returned is gone.
 */
function isRecorded(sent: LedgerAnswer, { returns }: LedgerOrder, stored: LedgerState | undefined): boolean {
  const isThere = (id: string | undefined): boolean =>
    stored?.leases.some((lease) => lease.id === id) ?? false;
  if (sent.lease !== undefined) return isThere(sent.lease.id);
  return returns.some(({ id }, index) => sent.returned[index] === 'credited' && !isThere(id));
}

function encodeLedger(state: LedgerState): string {
  const { releasing: cooling, used, ...rest } = state;
  const { byPurpose: byCause, ...figures } = used;
  const stored: StoredLedger = { version: ledgerVersion, ...rest, used: { ...figures, byCause }, cooling };
  return JSON.stringify(stored);
}

/** Reads the ledger's field. Throws Error for one of another version. */
export function decodeLedger(text: unknown): LedgerState {
  const { version, cooling: releasing, used, ...state } = JSON.parse(String(text)) as StoredLedger;
  if (version !== ledgerVersion) {
    throw new Error(
      `Its version is ${String(version)}, ${ledgerVersion} was expected; deploy the code that wrote it.`,
    );
  }
  const { byCause: byPurpose, ...figures } = used;
  // What earlier versions did not count counts as nothing.
  return { ...nothingCharged(), ...nothingReported(), ...state, used: { ...figures, byPurpose }, releasing };
}

/** The ledger as its document has it. */
type StoredLedger = Omit<LedgerState, 'releasing' | 'used'> & {
  version: unknown;
  used: Omit<LedgerState['used'], 'byPurpose'> & { byCause: ByPurpose };
  cooling: LedgerState['releasing'];
};
