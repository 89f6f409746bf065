import { counted } from '../ui/format.ts';

const hourMs = 3_600_000;
export const maxPauseMs = 20 * 24 * hourMs;

/** A moment as `<input type="datetime-local">` has it, in the browser's zone, to the minute. */
export function localInput(ms: number): string {
  const at = new Date(ms);
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** The end of a pause that begins now, unless somebody says otherwise. */
export function usualEnd(nowMs: number): string {
  return localInput(nowMs + hourMs);
}

/** The moment that an input names, or the reason why no pause can end then. */
export function pauseEnd(input: string, nowMs: number): { untilMs: number } | { message: string } {
  const untilMs = new Date(input).getTime();
  if (Number.isNaN(untilMs)) return { message: 'Choose a day and a time.' };
  if (untilMs <= nowMs) return { message: 'This is over already. Choose a later time.' };
  if (untilMs > nowMs + maxPauseMs)
    return { message: 'A pause has an end within 20 days: Cloud Tasks keeps what waits for 31.' };
  return { untilMs };
}

/** The answer of `POST /v1/flush?wait=true`. */
export interface FlushAnswer {
  requested_at: string;
  done?: boolean | null;
  remaining?: number | null;
  due_by?: string | null;
}

/** Says how far a flush came; `time` writes a moment. */
export function flushResult(
  { requested_at, done, remaining, due_by }: FlushAnswer,
  isPaused: boolean,
  time: (ms: number) => string,
): { tone: 'good' | 'warn'; text: string } {
  const asked = `accepted before ${time(Date.parse(requested_at))}`;
  if (done === true) return { tone: 'good', text: `Everything ${asked} is written.` };
  if (isPaused) {
    return {
      tone: 'warn',
      text: 'Nothing is written while the queue is paused. Resume it, and it goes on by itself.',
    };
  }
  if (done === false && remaining !== null && remaining !== undefined) {
    const by = due_by ? `, at the latest after ${time(Date.parse(due_by))}` : '';
    return {
      tone: 'warn',
      text: `At most ${counted(remaining, 'event')} ${asked} still wait. They are written without another request${by}.`,
    };
  }
  return {
    tone: 'warn',
    text: `It is asked for, but the queue cannot tell how far it is. What was ${asked} is written at its next delivery.`,
  };
}
