/** Cloud Logging's severities that Sluice uses, least first. */
const severities = ['DEBUG', 'INFO', 'WARNING', 'ERROR'] as const;
export type Severity = (typeof severities)[number];

type LogFields = Record<string, unknown>;

/** The severity a parameter names, INFO for what is none. */
export function severityOf(text: string): Severity {
  return severities.find((known) => known === text.toUpperCase()) ?? 'INFO';
}

/** Structured log: a short message and fields. Never payloads, never secrets. */
export interface Logger {
  /** The fields are asked for only where lines of this severity are written. */
  debug(message: string, fields: () => LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  /** `fields.error` may be anything that was thrown; its stack and causes are logged. */
  error(message: string, fields?: LogFields): void;
}

/**
 * Writes a JSON object a line, as Cloud Logging reads it (https://cloud.google.com/run/docs/logging), of what is not
 * below the least severity; `context` has fields of every line at its time.
 */
export function jsonLogger(
  write: (line: string) => void,
  least: Severity = 'INFO',
  context: () => LogFields = () => ({}),
): Logger {
  const isWritten = (severity: Severity): boolean =>
    severities.indexOf(severity) >= severities.indexOf(least);
  const log = (severity: Severity, message: string, fields: LogFields = {}): void => {
    if (isWritten(severity))
      write(`${JSON.stringify({ severity, message, ...fields, ...context() }, described)}\n`);
  };
  return {
    debug: isWritten('DEBUG') ? (message, fields) => log('DEBUG', message, fields()) : () => undefined,
    info: (message, fields) => log('INFO', message, fields),
    warn: (message, fields) => log('WARNING', message, fields),
    error: (message, { error, ...fields } = {}) =>
      log('ERROR', message, { ...fields, ...(error === undefined ? {} : { error: describe(error) }) }),
  };
}

/** An error that is a field of a line, which JSON would show as `{}`. */
function described(_: string, value: unknown): unknown {
  return value instanceof Error ? describe(value) : value;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : ` | cause: ${describe(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}
