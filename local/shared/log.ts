import { styleText } from 'node:util';

/** One log entry: what functions print as a line of JSON for Cloud Logging, or a plain line as its message. */
export interface LogEntry {
  severity: string;
  message: string;
  [field: string]: unknown;
}

/** A stream that a log is written to. */
export type LogStream = Pick<NodeJS.WriteStream, 'write' | 'isTTY' | 'hasColors'>;

export type Log = (source: string, entry: LogEntry) => void;

/** Reads a line as Cloud Logging does: a JSON object is an entry, anything else is text. */
export function parseLogLine(line: string, plainSeverity: string): LogEntry {
  if (line.startsWith('{')) {
    try {
      const entry: unknown = JSON.parse(line);
      if (typeof entry === 'object' && entry !== null)
        return { severity: plainSeverity, message: '', ...entry };
    } catch {
      // Text that only looks like JSON is text.
    }
  }
  return { severity: plainSeverity, message: line };
}

type Color = Parameters<typeof styleText>[0];

const severityColors: Record<string, Color> = {
  DEBUG: 'dim',
  NOTICE: 'bold',
  WARNING: 'yellow',
  ERROR: 'red',
  CRITICAL: ['red', 'bold'],
  ALERT: ['red', 'bold'],
  EMERGENCY: ['red', 'bold'],
};
const sourceColors: Color[] = [
  'cyan',
  'green',
  'magenta',
  'blue',
  'cyanBright',
  'greenBright',
  'magentaBright',
];

/**
 * Writes entries as one line each: time, source, severity where it matters, message, the other fields. Coloured where
 * the stream is a terminal with colours, unless NO_COLOR (https://no-color.org) says otherwise.
 */
export function createLog(now: () => number, stream: LogStream): Log {
  const isColored = stream.isTTY && stream.hasColors();
  const paint = (color: Color, text: string): string =>
    isColored ? styleText(color, text, { validateStream: false }) : text;
  return (source, { severity, message, ...fields }) => {
    const time = new Date(now()).toISOString().slice(11, 23);
    const level = severity === 'INFO' || severity === 'DEFAULT' ? '' : `${severity} `;
    const rest = Object.entries(fields)
      .filter(([key]) => !key.startsWith('logging.googleapis.com/'))
      .map(([key, value]) => ` ${key}=${shown(value, level === '')}`)
      .join('');
    const color = severityColors[severity];
    const text = color === undefined ? message : paint(color, level + message);
    const head = `${paint('dim', time)} ${paint(colorOf(source), source.padEnd(9))}`;
    stream.write(`${head} ${color === undefined ? level : ''}${text}${paint('dim', rest)}\n`);
  };
}

/** Objects of more characters are cut in a line that reports nothing special. */
const maxObjectLength = 120;

function shown(value: unknown, isOrdinary: boolean): string {
  if (typeof value === 'string') return value;
  const text = JSON.stringify(value) ?? '';
  return isOrdinary && text.length > maxObjectLength ? `${text.slice(0, maxObjectLength)}…` : text;
}

/** The same for every line of a source. */
function colorOf(source: string): Color {
  let sum = 0;
  for (const letter of source) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 9973;
  return sourceColors[sum % sourceColors.length] ?? 'cyan';
}
