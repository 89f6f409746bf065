import type { Dispatch } from '../flush/delivery.ts';
import { earlyMs } from '../flush/limits.ts';
import { type Clock, nextTickMs } from '../platform/clock.ts';
import { AppError } from '../platform/errors.ts';
import { during } from '../platform/origin.ts';
import type { Outbox } from '../staging/outbox.ts';

interface ExpireOptions {
  outbox: Outbox;
  clock: Clock;
  tickMs: number;
  /** Resumes `flush` at the end of its pause. */
  endPause(untilMs: number): Promise<unknown>;
}

/**
 * Makes the handler of `expire`'s dispatches: a carrier of deadlines that are due goes on to `flush`, unopened and of
 * whatever version; what cannot be read waits there, or becomes dead letters. The end of a pause resumes `flush`.
 */
export function expireHandler({ outbox, clock, tickMs, endPause }: ExpireOptions) {
  const handle = async (data: unknown): Promise<void> => {
    const carrier = typeof data === 'object' && data !== null ? data : { unreadable: data };
    if ('due_ms' in carrier && Number(carrier.due_ms) - clock.now() > earlyMs) {
      // Only the official emulator does this. Applying it now would end the task before its time.
      throw new AppError('unavailable', 'Deadlines came before their time; they must be delivered again.');
    }
    if ('pause_until_ms' in carrier) {
      await endPause(Number(carrier.pause_until_ms));
      return;
    }
    await outbox.sendData('flush', carrier, nextTickMs(clock.now(), tickMs));
  };
  return ({ data, id }: Pick<Dispatch, 'data' | 'id'>) => during({ carrier: id }, () => handle(data));
}
