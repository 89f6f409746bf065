/** One log entry: what functions print as a line of JSON for Cloud Logging, or a plain line as its message. */
export interface LogEntry {
  severity: string;
  message: string;
  [field: string]: unknown;
}

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

const colors: Record<string, string> = { DEBUG: '2', WARNING: '33', ERROR: '31', CRITICAL: '31;1' };

/** Writes entries as one line each: time, source, severity where it matters, message, the other fields. */
export function createLog(now: () => number, stream: NodeJS.WriteStream): Log {
  const colored = stream.isTTY && process.env['NO_COLOR'] === undefined;
  return (source, { severity, message, ...fields }) => {
    const time = new Date(now()).toISOString().slice(11, 23);
    const level = severity === 'INFO' || severity === 'DEFAULT' ? '' : `${severity} `;
    const rest = Object.entries(fields)
      .filter(([key]) => !key.startsWith('logging.googleapis.com/'))
      .map(([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
      .join('');
    const line = `${time} ${source.padEnd(9)} ${level}${message}${rest}`;
    const color = colored ? colors[severity] : undefined;
    stream.write(color === undefined ? `${line}\n` : `\x1b[${color}m${line}\x1b[0m\n`);
  };
}
