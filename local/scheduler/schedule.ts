const minuteMs = 60_000;

/** The moments a schedule names. */
export interface Schedule {
  /** The first such moment after `afterMs`. */
  nextMs(afterMs: number): number;
}

const intervalForm = /^every\s+(?:(\d+)\s+)?(minute|hour)s?$/i;

/**
 * Reads the forms of a schedule that code bases use most: `every 5 minutes` (or hours) and the five fields of
 * crontab with `*`, numbers, ranges, lists and steps. Other App Engine sentences and names of days or months throw.
 */
export function parseSchedule(text: string, timeZone = 'UTC'): Schedule {
  const interval = intervalForm.exec(text.trim());
  if (interval !== null) {
    const everyMs = Number(interval[1] ?? 1) * (interval[2]?.toLowerCase() === 'hour' ? 60 : 1) * minuteMs;
    if (everyMs > 0) return { nextMs: (afterMs) => (Math.floor(afterMs / everyMs) + 1) * everyMs };
  }
  return parseCrontab(text, timeZone);
}

interface FieldRange {
  name: string;
  min: number;
  max: number;
}

const fieldRanges: FieldRange[] = [
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day of month', min: 1, max: 31 },
  { name: 'month', min: 1, max: 12 },
  { name: 'day of week', min: 0, max: 7 },
];

function parseCrontab(text: string, timeZone: string): Schedule {
  const fields = text.trim().split(/\s+/);
  if (fields.length !== fieldRanges.length)
    throw new UnknownSchedule(text, 'neither an interval nor five crontab fields');
  const [minutes, hours, days, months, weekdays] = fieldRanges.map((range, i) =>
    parseField(fields[i] ?? '', range, text),
  );
  const wallClock = wallClockOf(timeZone);
  // Crontab's rule: when both day fields are restricted, either may match.
  const eitherDay = !fields[2]?.startsWith('*') && !fields[4]?.startsWith('*');
  const matches = (ms: number): boolean => {
    const at = wallClock(ms);
    if (!minutes?.has(at.minute) || !hours?.has(at.hour) || !months?.has(at.month)) return false;
    const day = days?.has(at.day) === true;
    const weekday = weekdays?.has(at.weekday) === true || (at.weekday === 0 && weekdays?.has(7) === true);
    return eitherDay ? day || weekday : day && weekday;
  };
  return {
    nextMs(afterMs) {
      const firstMs = (Math.floor(afterMs / minuteMs) + 1) * minuteMs;
      for (let ms = firstMs; ms <= firstMs + searchMs; ms += minuteMs) if (matches(ms)) return ms;
      throw new UnknownSchedule(text, 'names no moment of the coming four years');
    },
  };
}

/** Four years hold every date that a crontab can name, a leap day among them. */
const searchMs = 4 * 366 * 24 * 60 * minuteMs;

class UnknownSchedule extends Error {
  constructor(text: string, why: string) {
    super(`The local scheduler does not know the schedule '${text}': ${why}.`);
  }
}

function parseField(field: string, range: FieldRange, text: string): Set<number> {
  const values = new Set<number>();
  for (const part of field.split(',')) {
    const [, all, from, to, step] = /^(?:(\*)|(\d+)(?:-(\d+))?)(?:\/(\d+))?$/.exec(part) ?? [];
    if (all === undefined && from === undefined)
      throw new UnknownSchedule(text, `'${part}' is no ${range.name}`);
    const first = all === undefined ? Number(from) : range.min;
    const last = all === undefined ? Number(to ?? (step === undefined ? from : range.max)) : range.max;
    const stepBy = Number(step ?? 1);
    if (first < range.min || last > range.max || first > last || stepBy < 1) {
      throw new UnknownSchedule(text, `'${part}' is out of range for the ${range.name}`);
    }
    for (let value = first; value <= last; value += stepBy) values.add(value);
  }
  return values;
}

interface WallClock {
  minute: number;
  hour: number;
  day: number;
  month: number;
  weekday: number;
}

function wallClockOf(timeZone: string): (ms: number) => WallClock {
  const offsetMs = zoneOffset(timeZone);
  return (ms) => {
    const at = new Date(ms + offsetMs(ms));
    return {
      minute: at.getUTCMinutes(),
      hour: at.getUTCHours(),
      day: at.getUTCDate(),
      month: at.getUTCMonth() + 1,
      weekday: at.getUTCDay(),
    };
  };
}

/** A zone's offset changes on whole quarters of an hour only, so one look at its rules serves a quarter. */
function zoneOffset(timeZone: string): (ms: number) => number {
  if (timeZone === 'UTC') return () => 0;
  const format = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' });
  const quarterMs = 15 * minuteMs;
  let quarter = Number.NaN;
  let offsetMs = 0;
  return (ms) => {
    if (Math.floor(ms / quarterMs) !== quarter) {
      quarter = Math.floor(ms / quarterMs);
      const name = format.formatToParts(ms).find((part) => part.type === 'timeZoneName')?.value ?? '';
      const [, sign, hours, minutes] = /GMT([+-])(\d+):(\d+)/.exec(name) ?? [];
      offsetMs = (sign === '-' ? -1 : 1) * (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * minuteMs;
    }
    return offsetMs;
  };
}
