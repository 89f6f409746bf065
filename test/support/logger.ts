import type { Logger } from '../../functions/src/platform/logger.ts';

export interface LogLine {
  severity: 'INFO' | 'WARNING' | 'ERROR';
  message: string;
  fields: Record<string, unknown>;
}

/** A logger that keeps its lines. */
export function memoryLogger(): Logger & { lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at =
    (severity: LogLine['severity']) =>
    (message: string, fields: Record<string, unknown> = {}): void => {
      lines.push({ severity, message, fields });
    };
  return { lines, info: at('INFO'), warn: at('WARNING'), error: at('ERROR') };
}
