/** Cloud Logging's severities that Sluice uses, least first. */
const severities = ['INFO', 'WARNING', 'ERROR'] as const;
type Severity = (typeof severities)[number];

type LogFields = Record<string, unknown>;

/** The severity a parameter names, INFO for what is none. */
export function severityOf(text: string): Severity {
  return severities.find((known) => known === text.toUpperCase()) ?? 'INFO';
}

/** Structured log: a short message and fields. Never payloads, never secrets. */
export interface Logger {
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  /** `fields.error` may be anything that was thrown; its stack and causes are logged. */
  error(message: string, fields?: LogFields): void;
}

/** Writes a JSON object a line, as Cloud Logging reads it (https://cloud.google.com/run/docs/logging). */
export function jsonLogger(write: (line: string) => void, least: Severity = 'INFO'): Logger {
  const log = (severity: Severity, message: string, fields: LogFields = {}): void => {
    if (severities.indexOf(severity) >= severities.indexOf(least)) {
      write(`${JSON.stringify({ severity, message, ...fields })}\n`);
    }
  };
  return {
    info: (message, fields) => log('INFO', message, fields),
    warn: (message, fields) => log('WARNING', message, fields),
    error: (message, { error, ...fields } = {}) =>
      log('ERROR', message, { ...fields, ...(error === undefined ? {} : { error: describe(error) }) }),
  };
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : ` | cause: ${describe(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}
