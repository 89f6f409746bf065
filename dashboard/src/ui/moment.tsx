import { time, utc } from './format.ts';

/** A time in the viewer's zone, with UTC in its title. */
export function Moment({ ms, nowMs, seconds = false }: { ms: number; nowMs: number; seconds?: boolean }) {
  return (
    <time datetime={new Date(ms).toISOString()} title={utc(ms)}>
      {time(ms, nowMs, seconds)}
    </time>
  );
}
