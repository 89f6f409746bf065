import type { Logger } from '../../functions/src/platform/logger.ts';
import { originFields } from '../../functions/src/platform/origin.ts';

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
      lines.push({ severity, message, fields: { ...fields, ...originFields('demo') } });
    };
  // Fields that only a debug line asks for must not throw, either.
  const debug = (_: string, fields: () => unknown): void => void fields();
  return { lines, debug, info: at('INFO'), warn: at('WARNING'), error: at('ERROR') };
}
