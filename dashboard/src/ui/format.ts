/** A part of an answer that may be null, as it cannot be known now, or missing, as another version answers. */
export type Unknown<Value> = Value | null | undefined;

/** Shown for what cannot be known: never a zero. */
export const unknown = 'unknown';

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const short = new Intl.NumberFormat(undefined, { notation: 'compact', maximumSignificantDigits: 3 });

/** A number as the viewer's locale writes it: whole from 100 on, with one decimal below. */
export function number(value: Unknown<number>): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return unknown;
  return (Math.abs(value) < 100 ? fine : whole).format(value);
}

/** A number of at most some five characters, for large figures: 12.3M. */
export function compact(value: Unknown<number>): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return unknown;
  return Math.abs(value) < 100_000 ? number(value) : short.format(value);
}

const byteUnits = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'] as const;

export function bytes(value: Unknown<number>): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return unknown;
  const power = Math.min(Math.floor(Math.log10(Math.max(1, value)) / 3), byteUnits.length - 1);
  return `${number(value / 1000 ** power)} ${byteUnits[power]}`;
}

/** A duration in its largest two units: `40 s`, `3 min 20 s`, `2 d 4 h`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return joined(minutes, 'min', minutes < 10 ? seconds % 60 : 0, 's');
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return joined(hours, 'h', minutes % 60, 'min');
  return joined(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

function joined(first: number, unit: string, second: number, smaller: string): string {
  return second === 0 ? `${first} ${unit}` : `${first} ${unit} ${second} ${smaller}`;
}

/** A moment in the viewer's zone: the time alone where it is today's. */
export function time(ms: number, nowMs: number, hasSeconds = false): string {
  const at = new Date(ms);
  const isToday = at.toDateString() === new Date(nowMs).toDateString();
  return at.toLocaleString(undefined, {
    ...(isToday ? {} : { month: 'short', day: 'numeric' }),
    hour: 'numeric',
    minute: '2-digit',
    ...(hasSeconds ? { second: '2-digit' } : {}),
  });
}

/** A moment in UTC, to the second. */
export function utc(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** `1 task`, `2 tasks`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${number(count)} ${count === 1 ? one : many}`;
}
